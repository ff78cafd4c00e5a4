import { createHash } from 'node:crypto'
import { AppError } from '../../shared/errors/index.ts'
import type { Now } from '../../shared/time/index.ts'
import type { CopyOrder, Job } from '../jobs/job.ts'
import type { WriteTx } from '../store/port.ts'
import type { AttemptRecord, BackupRecord } from '../store/records.ts'
import { applyJobEvent } from './apply-job-event.ts'
import { attemptInPath } from './attempt-keys.ts'
import { noteWarnings } from './note-warnings.ts'
import type { Disposition, ReportedResult } from './result.ts'
import type { Term } from './term.ts'

/**
 * A copy that was made: the manifest that was read back in its new place must be, byte for byte, the one recorded
 * (J5). Then the copy is there, whatever became of the job that made it.
 */
export async function recordCopied(
  tx: WriteTx,
  row: AttemptRecord,
  job: Job,
  result: ReportedResult,
  now: Now,
  term: Term,
): Promise<Disposition> {
  const ref = { attemptId: row.id, epoch: row.epoch, agentId: row.agentId }
  const { order } = job
  const backup = order.kind === 'copy' ? await known(tx, order, result.manifest) : undefined
  if (order.kind !== 'copy' || result.kind !== 'copy' || backup === undefined)
    return { kind: 'rejected', reason: 'kind-differs', security: false }
  const sha256 = createHash('sha256').update(result.manifest).digest('hex')
  if (sha256 !== backup.manifestSha256 || result.manifestKey !== order.manifestKey) {
    const failure = new AppError('manifest.invalid', {
      message: 'the manifest of the copy is not the one of the backup',
      context: { backup_id: backup.id, destination: order.destination },
    }).toFailure()
    await applyJobEvent(tx, job.id, { kind: 'failed', ref, failure }, now, term)
    return { kind: 'rejected', reason: 'manifest: not the one of the backup', security: false }
  }
  await tx.backups.putCopy(backup.id, {
    destination: order.destination,
    url: term.settings.destinations.get(order.destination)?.url ?? '',
    manifestKey: order.manifestKey,
    state: 'present',
    verifiedAt: now.wall,
  })
  await tx.audit.append({
    at: now.wall,
    class: 'history',
    actor: `agent:${row.agentId}`,
    action: 'backup.copied',
    subject: backup.id,
    reason: '',
    detail: { destination: order.destination, attempt_id: row.id, manifest_sha256: sha256 },
  })
  await noteWarnings(tx, job.id, result.warnings, now)
  const applied = await applyJobEvent(tx, job.id, { kind: 'succeeded', ref }, now, term)
  return { kind: 'recorded', reason: applied.kind === 'accepted' ? '' : 'stale' }
}

/**
 * The backup of a copy. One that was deleted while an agent that nobody heard of went on copying is being deleted
 * again: what it made must not lie there without an owner (P4).
 */
async function known(tx: WriteTx, order: CopyOrder, manifest: Uint8Array): Promise<BackupRecord | undefined> {
  const backup = await tx.backups.get(order.backupId)
  if (backup !== undefined) return backup
  const attemptId = attemptInPath(order.manifestKey)
  const tombstone = attemptId === undefined ? undefined : await tx.backups.buriedByAttempt(attemptId)
  if (tombstone === undefined || tombstone.id !== order.backupId) return undefined
  const { deletedAt: _, leftBehind: __, deletion, ...rest } = tombstone
  const again = { ...rest, deletion: { ...deletion, jobs: {} }, manifest, copies: [] }
  const sha256 = createHash('sha256').update(manifest).digest('hex')
  if (sha256 === tombstone.manifestSha256) await tx.backups.insert(again)
  return again
}
