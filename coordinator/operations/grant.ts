import type { AgentId } from '../../shared/model/identifiers.ts'
import type { BackupToDelete, Job } from '../jobs/job.ts'
import type { WriteTx } from '../store/port.ts'
import { attemptInPath } from './attempt-keys.ts'
import { deletionProblem } from './leaving.ts'
import type { NamedAttempt } from './report-attempt.ts'
import { reclaimed } from './result.ts'
import { type Term, write } from './term.ts'

/** A guarded step that asks before it acts (J11). */
export interface GrantAsked extends NamedAttempt {
  readonly grantId: string
  readonly action: string
  readonly keys: readonly string[]
}

export interface Granted {
  readonly granted: boolean
  readonly reason: string
  readonly foreign: boolean
}

const largestBatch = 1_000

/**
 * Decides a guarded step in one transaction with what it depends on (J11): the job still runs this very
 * attempt; a delete's keys all belong to debris of this job and none to a recorded backup, or to a backup of this job
 * that may still go.
 */
export async function grant(agentId: AgentId, asked: GrantAsked, term: Term): Promise<Granted> {
  return write(term, 'grant', async tx => {
    const job = await tx.jobs.get(asked.jobId)
    const row = await tx.attempts.get(asked.attemptId)
    if (job === undefined || row === undefined || row.agentId !== agentId || row.jobId !== asked.jobId)
      return { granted: false, reason: 'attempt-of-another-agent', foreign: true }
    const reason = await refusal(tx, job, agentId, asked, term)
    const granted = reason === undefined
    const at = term.clock.now().wall
    if (granted && asked.action === 'delete') await reclaim(tx, debrisAmong(asked.keys, job), at)
    await tx.audit.append({
      at,
      class: 'history',
      actor: `agent:${agentId}`,
      action: granted ? 'grant.given' : 'grant.refused',
      subject: job.id,
      reason: reason ?? '',
      detail: { attempt_id: asked.attemptId, action: asked.action, keys: asked.keys.length },
    })
    return { granted, reason: reason ?? '', foreign: false }
  })
}

async function refusal(
  tx: WriteTx,
  job: Job,
  agentId: AgentId,
  asked: GrantAsked,
  term: Term,
): Promise<string | undefined> {
  const { state, order } = job
  if (state.kind !== 'running') return `job is ${state.kind}`
  const { attempt } = state
  if (attempt.id !== asked.attemptId || attempt.epoch !== asked.epoch || attempt.agentId !== agentId)
    return 'not the current attempt'
  if (asked.action === 'rename')
    return order.kind === 'restore' && asked.keys.length === 0 ? undefined : 'a rename belongs to a restore'
  if (asked.action !== 'delete' || order.kind !== 'delete') return 'no such action for this job'
  if (asked.keys.length === 0 || asked.keys.length > largestBatch) return 'a batch has 1 to 1,000 keys'
  const owned = new Set((await tx.debris.ofJob(job.id)).map(each => each.attemptId))
  const expired = new Map((order.backups ?? []).map(each => [attemptInPath(each.attemptPrefix), each]))
  const begun = new Set<BackupToDelete>()
  for (const key of asked.keys) {
    const attemptId = attemptInPath(key)
    const backup = attemptId === undefined ? undefined : expired.get(attemptId)
    if (backup !== undefined) {
      if (key !== backup.manifestKey && !key.startsWith(backup.attemptPrefix))
        return 'a key is not part of the backup'
      begun.add(backup)
      continue
    }
    if (attemptId === undefined || !owned.has(attemptId)) return 'a key is not debris of this job'
    if (!order.keys.includes(key) && !order.attemptPrefixes.some(prefix => key.startsWith(prefix)))
      return 'a key is not part of the order'
    if ((await tx.backups.byAttempt(attemptId)) !== undefined) return 'a key belongs to a recorded backup'
  }
  for (const each of begun) {
    const problem = await beginDeleting(tx, each, job, order.destination, term)
    if (problem !== undefined) return problem
  }
  return undefined
}

/**
 * The last look before objects of a backup go: it must still be this job's, and still be nobody's last good one, held
 * or read. Once anything was granted there is no way back, and nothing is asked again.
 */
async function beginDeleting(
  tx: WriteTx,
  { backupId }: BackupToDelete,
  job: Job,
  destination: string,
  term: Term,
): Promise<string | undefined> {
  const at = term.clock.now().wall
  const backup = await tx.backups.get(backupId)
  const deletion = backup?.deletion
  if (backup === undefined || deletion === undefined) return 'a backup is not to be deleted any more'
  if (deletion.jobs[destination] !== job.id) return 'a backup is another job’s'
  if (deletion.begunAt !== undefined) return undefined
  const standing = { newer: deletion.rule !== '', evenLast: deletion.evenLast === true }
  const problem = await deletionProblem(tx, backup, standing, at, term)
  if (problem !== undefined) return `${problem.code}: ${problem.message}`
  await tx.backups.keep({ ...backup, deletion: { ...deletion, begunAt: at } })
  return undefined
}

/** Keys of no backup: those of backups belong to attempts that did succeed. */
function debrisAmong(keys: readonly string[], { order }: Job): readonly string[] {
  const backups = order.kind === 'delete' ? (order.backups ?? []) : []
  const theirs = new Set(backups.map(each => attemptInPath(each.attemptPrefix)))
  return keys.filter(key => !theirs.has(attemptInPath(key)))
}

/** From now on these attempts can no longer succeed: their objects are being deleted. */
async function reclaim(tx: WriteTx, keys: readonly string[], at: number): Promise<void> {
  for (const attemptId of new Set(keys.map(attemptInPath))) {
    const row = attemptId === undefined ? undefined : await tx.attempts.get(attemptId)
    if (row !== undefined && row.outcome !== reclaimed)
      await tx.attempts.update({ ...row, endedAt: row.endedAt ?? at, outcome: reclaimed })
  }
}
