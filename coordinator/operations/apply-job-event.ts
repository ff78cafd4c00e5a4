import type { JobId } from '../../shared/model/identifiers.ts'
import type { Now } from '../../shared/time/index.ts'
import type { JobEvent, RefusalCode } from '../jobs/event.ts'
import { type Actor, isEnded, type Job, transition } from '../jobs/index.ts'
import type { WriteTx } from '../store/port.ts'
import { writeAttempts } from './attempt-rows.ts'
import { noteJobChange } from './job-consequences.ts'
import { releaseEffects } from './release-effects.ts'
import { subjectName } from './subject.ts'
import { afterCommit, type Term } from './term.ts'

/** What an event did. A refused one wrote nothing (J8). */
export type Applied =
  | { readonly kind: 'accepted'; readonly before: Job; readonly job: Job }
  | { readonly kind: 'refused'; readonly reason: RefusalCode; readonly job: Job }
  | { readonly kind: 'unknown' }

/**
 * The one door to job state (J1): asks the machine and writes down what it answered, the job with its attempts,
 * audit, database state, counters and alerts in the caller's transaction. Effects leave after the commit.
 */
export async function applyJobEvent(
  tx: WriteTx,
  jobId: JobId,
  event: JobEvent,
  now: Now,
  term: Term,
): Promise<Applied> {
  const before = await tx.jobs.get(jobId)
  if (before === undefined) return { kind: 'unknown' }
  const step = transition(before, event, now)
  if (step.kind === 'refused') return { kind: 'refused', reason: step.reason, job: before }
  const { job } = step
  await tx.jobs.update(job)
  await writeAttempts(tx, job, step.attempts, term)
  await tx.audit.append({
    at: now.wall,
    class: 'history',
    actor: actorText(actorBehind(event)),
    action: step.audit.action,
    subject: job.id,
    reason: event.kind === 'cancel' ? event.reason : '',
    detail: step.audit.detail,
  })
  await noteJobChange(tx, { before, job, event, now }, term)
  afterCommit(term, tx, () => {
    term.jobs.set(job)
    term.unfit.heard(job, event)
    term.views.changed(job)
    if (isEnded(job.state) && !isEnded(before.state))
      term.meter.jobEnded(job, Math.max(0, now.wall - job.createdAt) / 1_000)
    tellLog(job, event, term)
    releaseEffects(job, step.effects, term)
  })
  return { kind: 'accepted', before, job }
}

/** One line for each accepted step, by which a job is followed from the decision to the bucket. */
function tellLog(job: Job, event: JobEvent, term: Term): void {
  const { state } = job
  const attempt = 'attempt' in state ? state.attempt : undefined
  term.log.info(`job ${state.kind}`, {
    job_id: job.id,
    ...(attempt === undefined ? {} : { attempt_id: attempt.id, agent_id: attempt.agentId }),
    kind: job.kind,
    subject: subjectName(job.kind, job.subject, term.fleet),
    event: event.kind,
    state: state.kind,
    ...('failure' in event ? { failure: { code: event.failure.code, message: event.failure.message } } : {}),
  })
}

/** Who stands behind an event: the agent that reported it, the person who asked, else the coordinator. */
function actorBehind(event: JobEvent): Actor {
  switch (event.kind) {
    case 'cancel':
      return event.by
    case 'accepted':
    case 'declined':
    case 'resumed':
    case 'succeeded':
    case 'failed':
    case 'stopped':
      return { kind: 'agent', name: event.ref.agentId }
    default:
      return { kind: 'system', name: '' }
  }
}

/** An actor as the audit names it: `system`, `agent:agt_…`, `operator:local-admin`. */
export function actorText(actor: Actor): string {
  return actor.name === '' ? actor.kind : `${actor.kind}:${actor.name}`
}
