import type { Now } from '../../shared/time/index.ts'
import type { WriteTx } from '../store/port.ts'
import type { AttemptRecord } from '../store/records.ts'
import { actorText } from './apply-job-event.ts'
import type { KeyUsed } from './result.ts'

/**
 * Each key that opened a backup is an event of the audit of its own, whatever became of the attempt: by whom the job was
 * asked for, and why; which key, on which host.
 */
export async function noteKeysUsed(
  tx: WriteTx,
  row: AttemptRecord,
  used: readonly KeyUsed[],
  now: Now,
): Promise<void> {
  if (used.length === 0) return
  const job = await tx.jobs.get(row.jobId)
  for (const { kind, key, backupId } of used)
    await tx.audit.append({
      at: now.wall,
      class: 'history',
      actor: job === undefined ? `agent:${row.agentId}` : actorText(job.requestedBy),
      action: 'key.used',
      subject: backupId,
      reason: job?.reason ?? '',
      detail: {
        key_kind: kind,
        key,
        job_id: row.jobId,
        attempt_id: row.id,
        agent_id: row.agentId,
      },
    })
}
