import { AppError } from '../../shared/errors/index.ts'
import type { BackupId } from '../../shared/model/identifiers.ts'
import type { Job } from '../jobs/job.ts'
import { presentCopies } from './copies.ts'
import { createCopyJob } from './create-copy-job.ts'
import { once } from './once.ts'
import { actorOf, covers, type Principal } from './principal.ts'
import { answered } from './start-backup.ts'
import type { Term } from './term.ts'

/**
 * Starts a copy of a backup into one destination: one that lacks it, or one whose copy is to be made whole again.
 * An open job for the same copy is returned instead of a second one (J9).
 *
 * @throws AppError `not-found`, `destination.unknown`, `conflict` when nothing is left to copy from
 */
export async function startCopy(
  principal: Principal,
  request: {
    readonly backupId: BackupId
    readonly destination: string
    readonly requestId: string
    readonly reason: string
  },
  term: Term,
): Promise<{ readonly job: Job; readonly existing: boolean }> {
  const { backupId, destination, requestId, reason } = request
  const { destinations } = term.settings
  const answer = await once(term, 'copy-backup', requestId, { backupId, destination }, async tx => {
    const backup = await tx.backups.get(backupId)
    if (backup === undefined || !covers(principal.scope, backup.clusterId))
      throw new AppError('not-found', { message: `there is no backup \`${backupId}\`` })
    if (backup.deletion !== undefined)
      throw new AppError('backup.deleting', { context: { backup_id: backup.id } })
    if (!destinations.has(destination))
      throw new AppError('destination.unknown', {
        message: `there is no destination \`${destination}\``,
        hint: 'Name one of the destinations that are configured.',
        context: { destination, known: [...destinations.keys()] },
      })
    const sources = presentCopies(backup).filter(
      each => each.destination !== destination && destinations.has(each.destination),
    )
    if (sources.length === 0)
      throw new AppError('conflict', {
        message: 'no other destination that is configured holds a copy of this backup',
        context: { backup_id: backupId, copies: presentCopies(backup).map(each => each.destination) },
      })
    const now = term.clock.now()
    const known = backup.copies.some(each => each.destination === destination)
    const wanted = known
      ? backup
      : {
          ...backup,
          copies: [
            ...backup.copies,
            {
              destination,
              url: destinations.get(destination)?.url ?? '',
              manifestKey: sources[0]?.manifestKey ?? '',
              state: 'missing' as const,
              since: now.wall,
              nextAt: now.wall,
            },
          ],
        }
    const { job, inserted } = await createCopyJob(
      tx,
      wanted,
      destination,
      {
        origin: 'operator',
        requestedBy: actorOf(principal),
        reason,
        decision: { code: 'requested', text: `asked for by ${principal.name}`, numbers: {} },
      },
      now,
      term,
    )
    return { jobId: job.id, existing: !inserted }
  })
  return { job: await answered(answer.jobId, term), existing: answer.existing }
}
