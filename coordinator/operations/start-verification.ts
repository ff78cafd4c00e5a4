import { AppError } from '../../shared/errors/index.ts'
import type { BackupId } from '../../shared/model/identifiers.ts'
import type { Job } from '../jobs/job.ts'
import { createVerifyJob, usualVerifyTimeout } from './create-verify-job.ts'
import { destinationsWith } from './leaving.ts'
import { once } from './once.ts'
import { actorOf, covers, type Principal } from './principal.ts'
import { answered } from './start-backup.ts'
import { policyOf } from './subject.ts'
import type { Term } from './term.ts'

/**
 * Verifies a backup now: restored into a throw-away server, compared with its census. An open job for the same backup
 * is returned instead of a second one (J9).
 *
 * @throws AppError `not-found`, `backup.deleting`, `verify.not-possible`, `conflict` when no copy is left to read
 */
export async function startVerification(
  principal: Principal,
  request: { readonly backupId: BackupId; readonly requestId: string; readonly reason: string },
  term: Term,
): Promise<{ readonly job: Job; readonly existing: boolean }> {
  const { backupId, requestId, reason } = request
  const answer = await once(term, 'verify-backup', requestId, { backupId }, async tx => {
    const backup = await tx.backups.get(backupId)
    if (backup === undefined || !covers(principal.scope, backup.clusterId))
      throw new AppError('not-found', { message: `there is no backup \`${backupId}\`` })
    if (backup.deletion !== undefined)
      throw new AppError('backup.deleting', { context: { backup_id: backupId } })
    const [databaseId] = backup.databaseIds
    const database = databaseId === undefined ? undefined : await tx.databases.get(databaseId)
    if (backup.scope === 'cluster' || database === undefined)
      throw new AppError('verify.not-possible', { context: { backup_id: backupId, scope: backup.scope } })
    if (destinationsWith(backup, term).length === 0)
      throw new AppError('conflict', {
        message: 'no destination that is configured holds a copy of this backup',
        context: { backup_id: backupId, copies: backup.copies.map(each => each.destination) },
      })
    const { job, inserted } = await createVerifyJob(
      tx,
      backup,
      database,
      policyOf(database, term)?.verification?.timeout ?? usualVerifyTimeout,
      {
        origin: 'operator',
        requestedBy: actorOf(principal),
        reason,
        decision: { code: 'requested', text: `asked for by ${principal.name}`, numbers: {} },
      },
      term.clock.now(),
      term,
    )
    return { jobId: job.id, existing: !inserted }
  })
  return { job: await answered(answer.jobId, term), existing: answer.existing }
}
