import type { Duration, Now } from '../../shared/time/index.ts'
import type { Job, RetryRule } from '../jobs/job.ts'
import type { WriteTx } from '../store/port.ts'
import type { BackupRecord, DatabaseRecord } from '../store/records.ts'
import { presentCopies } from './copies.ts'
import { createJob, type NewJob } from './create-job.ts'
import { subjectOf } from './subject.ts'
import type { Term } from './term.ts'

/** What could not be tried is tried again; a judgement is final, whatever it is. */
const retry: RetryRule = { maxAttempts: 4, baseDelay: 300_000, maxDelay: 3_600_000 }
/** Where no policy says it. */
export const usualVerifyTimeout: Duration = 6 * 3_600_000

/** Makes a job that proves a backup by a restore into a throw-away server (P5). One open job a database and backup (J9). */
export function createVerifyJob(
  tx: WriteTx,
  backup: BackupRecord,
  database: DatabaseRecord,
  timeout: Duration,
  asked: Pick<NewJob, 'origin' | 'requestedBy' | 'reason' | 'decision'>,
  now: Now,
  term: Term,
): Promise<{ readonly job: Job; readonly inserted: boolean }> {
  const { destinations } = term.settings
  const sources = presentCopies(backup).filter(each => destinations.has(each.destination))
  return createJob(
    tx,
    {
      ...asked,
      order: {
        kind: 'verify',
        backupId: backup.id,
        sources: sources.map(each => each.destination),
        manifestKey: sources[0]?.manifestKey ?? '',
        manifestSha256: backup.manifestSha256,
        engine: backup.engine,
        serverVersion: backup.serverVersion,
        rawBytes: backup.rawBytes,
        timeout,
      },
      subject: subjectOf(database),
      dueSlot: `verify/${backup.id}`,
      dueAt: now.wall,
      retry,
    },
    now,
    term,
  )
}
