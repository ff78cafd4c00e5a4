import type { Failure } from '../../shared/errors/index.ts'
import type { Now } from '../../shared/time/index.ts'
import type { AttemptChange, AttemptOutcome, JobEffect, JobEvent, RefusalCode, Step } from './event.ts'
import type { Attempt, Job } from './job.ts'
import { canRetry, retryDelay } from './retry.ts'

type Detail = Readonly<Record<string, string | number | boolean>>

/** What a handler of the machine has to say; `accepted` makes the step of it. */
export interface Part {
  readonly job: Job
  readonly effects: readonly JobEffect[]
  readonly attempts: readonly AttemptChange[]
  readonly detail: Detail
}

/** How an attempt ended that was no success. `open`: only its lease ended, it may still be resumed (J4, J6). */
export interface Ending {
  readonly attempt: Attempt
  readonly outcome: AttemptOutcome
  readonly failure: Failure
}

/** The step of an event that counts, with its one audit event (J8): `job.<event>`, from which state to which. */
export function accepted(before: Job, event: JobEvent, part: Part): Step {
  return {
    kind: 'accepted',
    job: part.job,
    effects: part.effects,
    attempts: part.attempts,
    audit: {
      action: `job.${event.kind}`,
      detail: { from: before.state.kind, to: part.job.state.kind, ...part.detail },
    },
  }
}

/** The step of an event that does not count. */
export function refused(reason: RefusalCode): Step {
  return { kind: 'refused', reason }
}

/** An attempt as the audit names it. */
export function detailOf(attempt: Attempt): Detail {
  return { attempt_id: attempt.id, epoch: attempt.epoch, agent_id: attempt.agentId }
}

/** The job ends failed. */
export function endFailed(job: Job, event: JobEvent, now: Now, ending: Ending): Step {
  const { attempt, failure } = ending
  return accepted(job, event, {
    job: { ...job, state: { kind: 'failed', endedAt: now.wall, failure, attempt } },
    effects: [{ kind: 'end-lease', jobId: job.id, attempt }, { kind: 'wake-planner' }],
    attempts: [ended(ending, now)],
    detail: { ...detailOf(attempt), code: failure.code, attempts: job.attempts },
  })
}

/**
 * Back to the queue after a delay, or failed when nothing is left to try. From `queued` (a late result of an
 * attempt whose lease had ended) the retry that was scheduled stays as it is.
 */
export function retryOrFail(
  job: Job,
  event: JobEvent,
  now: Now,
  ending: Ending & { readonly open: boolean },
): Step {
  const { attempt, failure, open } = ending
  const scheduled = job.state.kind === 'queued' ? job.state.notBefore : undefined
  const exhausted = scheduled === undefined && job.attempts >= job.retry.maxAttempts
  if (exhausted || !canRetry(failure)) return endFailed(job, event, now, ending)
  const notBefore = scheduled ?? now.wall + retryDelay(job.retry, job.id, job.attempts)
  return accepted(job, event, {
    job: {
      ...job,
      state: {
        kind: 'queued',
        notBefore,
        lastFailure: failure,
        ...(open ? { lastAttempt: attempt } : {}),
      },
    },
    effects: [{ kind: 'end-lease', jobId: job.id, attempt }, { kind: 'wake-planner' }],
    attempts: [ended(ending, now)],
    detail: { ...detailOf(attempt), code: failure.code, attempts: job.attempts, not_before: notBefore },
  })
}

function ended(ending: Ending, now: Now): AttemptChange {
  const { attempt, outcome, failure } = ending
  return { kind: 'ended', attemptId: attempt.id, at: now.wall, outcome, failure }
}
