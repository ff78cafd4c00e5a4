import type { Failure } from '../../shared/errors/index.ts'
import type { AgentId, AttemptId, JobId } from '../../shared/model/identifiers.ts'
import type { AttemptRecord } from '../store/records.ts'
import { applyJobEvent } from './apply-job-event.ts'
import { isAttemptPrefix } from './attempt-keys.ts'
import { suspectDebris } from './attempt-rows.ts'
import { type Term, write } from './term.ts'

/** An attempt as an agent named it, ids narrowed, nothing else checked. */
export interface NamedAttempt {
  readonly jobId: JobId
  readonly attemptId: AttemptId
  readonly epoch: number
}

/** Why a report did not count; `foreign` ones are refusals at the door (security). */
export type Reported =
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly reason: string; readonly foreign: boolean }

/** `Accepted`: committed first, then Start leaves (J10). An agent whose attempt is not current is told to stop. */
export async function reportAccepted(agentId: AgentId, named: NamedAttempt, term: Term): Promise<Reported> {
  const reported = await apply(agentId, named, 'accepted', undefined, term)
  if (reported.kind === 'refused' && !reported.foreign) tellSuperseded(agentId, named, term)
  return reported
}

/** `Declined`: the attempt ends, the job is tried elsewhere or later. */
export function reportDeclined(
  agentId: AgentId,
  named: NamedAttempt,
  failure: Failure,
  term: Term,
): Promise<Reported> {
  return apply(agentId, named, 'declined', failure, term)
}

function apply(
  agentId: AgentId,
  named: NamedAttempt,
  kind: 'accepted' | 'declined',
  failure: Failure | undefined,
  term: Term,
): Promise<Reported> {
  return write(term, kind, async tx => {
    const row = await tx.attempts.get(named.attemptId)
    if (row === undefined) return { kind: 'refused', reason: 'unknown-attempt', foreign: true }
    if (row.agentId !== agentId) return { kind: 'refused', reason: 'attempt-of-another-agent', foreign: true }
    if (row.jobId !== named.jobId || row.epoch !== named.epoch)
      return { kind: 'refused', reason: 'attempt-does-not-fit-job', foreign: true }
    const ref = { attemptId: named.attemptId, epoch: named.epoch, agentId }
    const event =
      failure === undefined
        ? ({ kind: 'accepted', ref } as const)
        : ({ kind: 'declined', ref, failure } as const)
    const applied = await applyJobEvent(tx, named.jobId, event, term.clock.now(), term)
    if (applied.kind === 'accepted') return { kind: 'taken' }
    // said twice: the first counted
    if (kind === 'accepted' && applied.kind === 'refused' && applied.job.state.kind === 'running')
      return { kind: 'taken' }
    return {
      kind: 'refused',
      reason: applied.kind === 'refused' ? applied.reason : 'unknown-job',
      foreign: false,
    }
  })
}

/** Tells an agent that its attempt is no longer the one that counts. */
export function tellSuperseded(
  agentId: AgentId,
  named: NamedAttempt,
  term: Term,
  reason: 'superseded' | 'unknown' = 'superseded',
): void {
  const attempt = { id: named.attemptId, epoch: named.epoch, agentId, assignedAt: 0 }
  term.messenger.cancel({ jobId: named.jobId, attempt }, reason)
}

/** Where an attempt stores its objects: kept, so that a keeper can clean up when its host is gone for good. */
export function reportUpload(
  agentId: AgentId,
  named: NamedAttempt,
  upload: { readonly attemptPrefix: string; readonly destination: string },
  term: Term,
): Promise<Reported> {
  return write(term, 'upload', async tx => {
    const row = await tx.attempts.get(named.attemptId)
    if (row === undefined || row.agentId !== agentId || row.jobId !== named.jobId)
      return { kind: 'refused', reason: 'attempt-of-another-agent', foreign: true }
    if (!isAttemptPrefix(upload.attemptPrefix, row.id) || !term.settings.destinations.has(upload.destination))
      return { kind: 'refused', reason: 'prefix-outside-attempt', foreign: true }
    const placed = placedAt(row, upload)
    if (placed === row) return { kind: 'taken' }
    await tx.attempts.update(placed)
    if (row.outcome === 'lost') await suspectDebris(tx, placed, term.clock.now().wall)
    return { kind: 'taken' }
  })
}

/** An attempt with one more place it stores in; the same row when that is known. */
function placedAt(
  row: AttemptRecord,
  { attemptPrefix, destination }: { readonly attemptPrefix: string; readonly destination: string },
): AttemptRecord {
  if (row.attemptPrefix !== attemptPrefix || row.destination === undefined)
    return { ...row, attemptPrefix, destination }
  if (row.destination === destination || row.further?.includes(destination) === true) return row
  return { ...row, further: [...(row.further ?? []), destination] }
}
