import type { Now } from '../../shared/time/index.ts'
import type { Job, JobSubject, RetryRule } from '../jobs/job.ts'
import type { WriteTx } from '../store/port.ts'
import type { BackupRecord } from '../store/records.ts'
import { presentCopies } from './copies.ts'
import { createJob, type NewJob } from './create-job.ts'
import type { Term } from './term.ts'

const retry: RetryRule = { maxAttempts: 4, baseDelay: 30_000, maxDelay: 900_000 }

/** Makes a job that copies a backup into one destination, and writes down that it is at work on it. */
export async function createCopyJob(
  tx: WriteTx,
  backup: BackupRecord,
  destination: string,
  asked: Pick<NewJob, 'origin' | 'requestedBy' | 'reason' | 'decision'>,
  now: Now,
  term: Term,
): Promise<{ readonly job: Job; readonly inserted: boolean }> {
  const [first] = presentCopies(backup)
  const made = await createJob(
    tx,
    {
      ...asked,
      order: {
        kind: 'copy',
        backupId: backup.id,
        sources: presentCopies(backup)
          .map(copy => copy.destination)
          .filter(name => name !== destination),
        destination,
        manifestKey: first?.manifestKey ?? '',
        manifestSha256: backup.manifestSha256,
      },
      subject: subjectOf(backup),
      // one open job for each copy (J9)
      dueSlot: `copy/${backup.id}/${destination}`,
      dueAt: now.wall,
      retry,
    },
    now,
    term,
  )
  const copy = backup.copies.find(each => each.destination === destination)
  if (copy !== undefined && copy.state !== 'present')
    await tx.backups.putCopy(backup.id, { ...copy, state: 'copying', jobId: made.job.id })
  return made
}

function subjectOf(backup: BackupRecord): JobSubject {
  const [databaseId] = backup.databaseIds
  return backup.scope === 'database' && databaseId !== undefined
    ? { scope: 'database', clusterId: backup.clusterId, databaseId }
    : { scope: 'cluster', clusterId: backup.clusterId }
}
