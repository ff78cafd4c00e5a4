/**
 * The job machine: the one function that says what an event does to a job (J1). Pure and total: every event
 * in every state is either accepted, with all that follows from it, or refused with a reason.
 *
 *  event \ state    | queued            | assigned      | running       | cancelling       | ended
 *  -----------------+-------------------+---------------+---------------+------------------+--------------
 *  assign           | assigned (a)      | not-queued    | not-queued    | not-queued       | already-ended
 *  accepted         | not-assigned      | running       | not-assigned  | not-assigned     | already-ended
 *  declined         | not-assigned      | retry         | retry / lost (e) | cancelled     | already-ended
 *  accept-timed-out | not-assigned      | retry*        | not-assigned  | cancelled (b)    | already-ended
 *  lease-expired    | not-running       | retry*        | retry* / lost | cancelled        | already-ended
 *  agent-restarted  | not-running       | retry*        | retry* / lost | cancelled        | already-ended
 *  resumed          | running (c)       | running       | running       | cancelling       | already-ended
 *  succeeded        | succeeded (c)     | succeeded     | succeeded     | succeeded (J13)  | already-ended
 *  failed           | queued, kept (cd) | retry / final | retry / final | cancelled        | already-ended
 *  stopped          | queued, kept (cd) | retry / final | retry / final | cancelled        | already-ended
 *  cancel           | cancelled         | cancelling    | cancelling    | already-cancelling | already-ended
 *
 *  retry   queued again with a delay while attempts are left and the failure's class is not `never`; else
 *          failed. `retry*` keeps the attempt as `lastAttempt`: expiry ends the lease, not the attempt (J4).
 *  final   guarded kinds: a result that is no success ends the job failed (J11).
 *  lost    guarded kinds: failed `job.lost-guarded` (J11).
 *  (a)     only once `notBefore` has passed, else `not-before`; an open `lastAttempt` is told it is superseded.
 *  (b)     only before Start, else `not-assigned`.
 *  (c)     only for the newest attempt, kept as `lastAttempt` (J6).
 *  (d)     the retry that was scheduled stays as it is; a class `never` or a guarded kind ends the job failed.
 *  (e)     Start came too late, or never: the agent dropped the attempt and says so, no lease need run out.
 *  Whoever names another attempt, epoch or agent than the job's current one: `not-current-attempt` (J2).
 *
 * J1  one function applies events; nothing else writes job state; effects leave after the commit.
 * J2  an attempt is (attempt id, epoch): a report counts only if both are equal to the job's current attempt.
 * J3  an ended job stays ended.
 * J4  at most one live lease a job; only `assign` makes an attempt (new id, epoch + 1).
 * J5  a backup is listed only from manifest bytes read back and checked: the caller's, before `succeeded`.
 * J6  a lost agent is decided by lease expiry alone; the newest attempt of the same agent is resumed.
 * J7  a good backup is never thrown away: a refused `succeeded` is the caller's to record as surplus.
 * J8  every accepted step leaves exactly one audit event; a refused step none.
 * J9  one open job per (kind, subject, due slot): the store's unique index.
 * J10 work begins on Start, sent after `accepted` was committed.
 * J11 guarded kinds never retry by themselves after Start.
 * J12 every result is answered: the caller's, after the commit.
 * J13 truth wins over intent: a success of the current attempt in `cancelling` ends the job succeeded.
 */
import { AppError, type Failure } from '../../shared/errors/index.ts'
import type { Now } from '../../shared/time/index.ts'
import { accepted, detailOf, endFailed, type Part, refused, retryOrFail } from './accepted.ts'
import type { AttemptRef, JobEvent, Step } from './event.ts'
import { type Attempt, attemptOf, isEnded, isGuarded, type Job } from './job.ts'
import { startableAt } from './retry.ts'

type EventOf<K extends JobEvent['kind']> = Extract<JobEvent, { readonly kind: K }>

/** What `event` does to `job` at `now`. Reads `now.wall` only: monotonic clocks decide *that* an event happens. */
export function transition(job: Job, event: JobEvent, now: Now): Step {
  if (isEnded(job.state)) return refused('already-ended')
  if ('ref' in event && !isCurrent(event.ref, attemptOf(job.state))) return refused('not-current-attempt')
  switch (event.kind) {
    case 'assign':
      return assign(job, event, now)
    case 'accepted':
      return accept(job, event, now)
    case 'declined':
      return decline(job, event, now)
    case 'accept-timed-out':
      return acceptTimedOut(job, event, now)
    case 'lease-expired':
      return lose(job, event, now, 'job.lease-expired')
    case 'agent-restarted':
      return lose(job, event, now, 'job.agent-restarted')
    case 'resumed':
      return resume(job, event, now)
    case 'succeeded':
      return succeed(job, event, now)
    case 'failed':
      return endAttempt(job, event, now, 'failed', event.failure)
    case 'stopped':
      return endAttempt(job, event, now, 'cancelled', interrupted)
    case 'cancel':
      return cancel(job, event, now)
  }
}

/** J2: equality of all three, never "older than" (a restored store goes back in epochs). */
function isCurrent(ref: AttemptRef, attempt: Attempt | undefined): attempt is Attempt {
  return (
    attempt !== undefined &&
    ref.attemptId === attempt.id &&
    ref.epoch === attempt.epoch &&
    ref.agentId === attempt.agentId
  )
}

function assign(job: Job, event: EventOf<'assign'>, now: Now): Step {
  const { state } = job
  if (state.kind !== 'queued') return refused('not-queued')
  if (startableAt(state.notBefore, job.retry, now.wall) > now.wall) return refused('not-before')
  const attempt: Attempt = {
    id: event.attemptId,
    epoch: job.epoch + 1,
    agentId: event.agentId,
    assignedAt: now.wall,
  }
  return accepted(job, event, {
    job: {
      ...job,
      epoch: attempt.epoch,
      attempts: job.attempts + 1,
      state: { kind: 'assigned', attempt, lease: { ttl: event.leaseTtl } },
    },
    effects: [
      ...(state.lastAttempt === undefined
        ? []
        : [
            {
              kind: 'send-cancel',
              jobId: job.id,
              attempt: state.lastAttempt,
              reason: 'superseded',
            } as const,
          ]),
      { kind: 'send-assign', jobId: job.id, attempt },
    ],
    attempts: [{ kind: 'made', attempt }],
    detail: detailOf(attempt),
  })
}

function accept(job: Job, event: EventOf<'accepted'>, now: Now): Step {
  const { state } = job
  if (state.kind !== 'assigned') return refused('not-assigned')
  const attempt: Attempt = { ...state.attempt, startedAt: now.wall }
  return accepted(job, event, {
    job: { ...job, state: { kind: 'running', attempt, lease: state.lease } },
    effects: [
      { kind: 'start-lease', jobId: job.id, attempt, ttl: state.lease.ttl },
      { kind: 'send-start', jobId: job.id, attempt },
    ],
    attempts: [{ kind: 'started', attemptId: attempt.id, at: now.wall }],
    detail: detailOf(attempt),
  })
}

function decline(job: Job, event: EventOf<'declined'>, now: Now): Step {
  const { state } = job
  if (state.kind === 'cancelling')
    return endCancelled(job, event, now, {
      attempts: [
        {
          kind: 'ended',
          attemptId: state.attempt.id,
          at: now.wall,
          outcome: 'declined',
          failure: event.failure,
        },
      ],
    })
  if (state.kind !== 'assigned' && state.kind !== 'running') return refused('not-assigned')
  if (state.kind === 'running' && isGuarded(job.kind))
    return endFailed(job, event, now, {
      attempt: state.attempt,
      outcome: 'declined',
      failure: lostGuarded(event.failure.code, state.attempt),
    })
  return retryOrFail(job, event, now, {
    attempt: state.attempt,
    outcome: 'declined',
    failure: event.failure,
    open: false,
  })
}

function acceptTimedOut(job: Job, event: EventOf<'accept-timed-out'>, now: Now): Step {
  const { state } = job
  if (state.kind === 'cancelling' && state.attempt.startedAt === undefined)
    return endCancelled(job, event, now, { attempts: [lost(state.attempt, now)] })
  if (state.kind !== 'assigned') return refused('not-assigned')
  return retryOrFail(job, event, now, {
    attempt: state.attempt,
    outcome: 'lost',
    failure: failureOf('job.not-accepted', state.attempt),
    open: true,
  })
}

/** The agent is lost: its lease ran out, or it came back without the attempt (J6). */
function lose(
  job: Job,
  event: EventOf<'lease-expired' | 'agent-restarted'>,
  now: Now,
  code: 'job.lease-expired' | 'job.agent-restarted',
): Step {
  const { state } = job
  if (state.kind === 'cancelling')
    return endCancelled(job, event, now, { attempts: [lost(state.attempt, now)] })
  if (state.kind !== 'assigned' && state.kind !== 'running') return refused('not-running')
  const { attempt } = state
  if (state.kind === 'running' && isGuarded(job.kind))
    return endFailed(job, event, now, {
      attempt,
      outcome: 'lost',
      failure: lostGuarded(code, attempt),
    })
  return retryOrFail(job, event, now, {
    attempt,
    outcome: 'lost',
    failure: failureOf(code, attempt),
    open: true,
  })
}

function resume(job: Job, event: EventOf<'resumed'>, now: Now): Step {
  const { state } = job
  const held = attemptOf(state)
  if (held === undefined || isEnded(state)) return refused('not-current-attempt')
  const lease = { ttl: event.leaseTtl }
  if (state.kind === 'cancelling')
    return accepted(job, event, {
      job: { ...job, state: { ...state, lease } },
      effects: [
        { kind: 'start-lease', jobId: job.id, attempt: held, ttl: event.leaseTtl },
        { kind: 'send-cancel', jobId: job.id, attempt: held, reason: 'requested' },
      ],
      attempts: [{ kind: 'resumed', attemptId: held.id }],
      detail: detailOf(held),
    })
  // Start is sent again: the first may have been lost with the stream. An agent at work ignores it (J10).
  const attempt: Attempt = { ...held, startedAt: held.startedAt ?? now.wall }
  return accepted(job, event, {
    job: { ...job, state: { kind: 'running', attempt, lease } },
    effects: [
      { kind: 'start-lease', jobId: job.id, attempt, ttl: event.leaseTtl },
      { kind: 'send-start', jobId: job.id, attempt },
    ],
    attempts: [
      { kind: 'resumed', attemptId: attempt.id },
      ...(held.startedAt === undefined
        ? [{ kind: 'started', attemptId: attempt.id, at: now.wall } as const]
        : []),
    ],
    detail: detailOf(attempt),
  })
}

function succeed(job: Job, event: EventOf<'succeeded'>, now: Now): Step {
  const attempt = attemptOf(job.state)
  if (attempt === undefined) return refused('not-current-attempt')
  const backup = event.backupId === undefined ? {} : { backupId: event.backupId }
  return accepted(job, event, {
    job: { ...job, state: { kind: 'succeeded', endedAt: now.wall, attempt, ...backup } },
    effects: [{ kind: 'end-lease', jobId: job.id, attempt }, { kind: 'wake-planner' }],
    attempts: [{ kind: 'ended', attemptId: attempt.id, at: now.wall, outcome: 'succeeded' }],
    detail: {
      ...detailOf(attempt),
      ...(event.backupId === undefined ? {} : { backup_id: event.backupId }),
    },
  })
}

/** A result that is no success. */
function endAttempt(
  job: Job,
  event: EventOf<'failed' | 'stopped'>,
  now: Now,
  outcome: 'failed' | 'cancelled',
  failure: Failure,
): Step {
  const { state } = job
  const attempt = attemptOf(state)
  if (attempt === undefined) return refused('not-current-attempt')
  if (state.kind === 'cancelling') {
    // Stopped as asked is no failure.
    const why = event.kind === 'failed' ? { failure } : {}
    return endCancelled(job, event, now, {
      attempts: [{ kind: 'ended', attemptId: attempt.id, at: now.wall, outcome, ...why }],
    })
  }
  if (isGuarded(job.kind)) return endFailed(job, event, now, { attempt, outcome, failure })
  return retryOrFail(job, event, now, { attempt, outcome, failure, open: false })
}

function cancel(job: Job, event: EventOf<'cancel'>, now: Now): Step {
  const { state } = job
  const { by, reason } = event
  if (state.kind === 'cancelling') return refused('already-cancelling')
  if (state.kind === 'queued') {
    const last = state.lastAttempt
    return accepted(job, event, {
      job: {
        ...job,
        state: {
          kind: 'cancelled',
          endedAt: now.wall,
          by,
          reason,
          ...(last === undefined ? {} : { attempt: last }),
        },
      },
      effects: [
        ...(last === undefined
          ? []
          : [{ kind: 'send-cancel', jobId: job.id, attempt: last, reason: 'requested' } as const]),
        { kind: 'wake-planner' },
      ],
      attempts: [],
      detail: { by: by.name, reason },
    })
  }
  if (state.kind !== 'assigned' && state.kind !== 'running') return refused('already-ended')
  const { attempt, lease } = state
  return accepted(job, event, {
    job: { ...job, state: { kind: 'cancelling', attempt, lease, by, reason } },
    effects: [
      // Before Start only the accept clock runs: an agent that never got the Assign would never answer.
      ...(state.kind === 'assigned'
        ? [{ kind: 'start-lease', jobId: job.id, attempt, ttl: lease.ttl } as const]
        : []),
      { kind: 'send-cancel', jobId: job.id, attempt, reason: 'requested' },
    ],
    attempts: [],
    detail: { ...detailOf(attempt), by: by.name, reason },
  })
}

/** From `cancelling` only: whatever ended the attempt without a success ends the job as was asked. */
function endCancelled(job: Job, event: JobEvent, now: Now, how: Pick<Part, 'attempts'>): Step {
  const { state } = job
  if (state.kind !== 'cancelling') return refused('not-running')
  const { attempt, by, reason } = state
  return accepted(job, event, {
    job: { ...job, state: { kind: 'cancelled', endedAt: now.wall, by, reason, attempt } },
    effects: [{ kind: 'end-lease', jobId: job.id, attempt }, { kind: 'wake-planner' }],
    attempts: how.attempts,
    detail: { ...detailOf(attempt), by: by.name, reason },
  })
}

function lost(attempt: Attempt, now: Now): Part['attempts'][number] {
  return { kind: 'ended', attemptId: attempt.id, at: now.wall, outcome: 'lost' }
}

function failureOf(
  code: 'job.not-accepted' | 'job.lease-expired' | 'job.agent-restarted',
  attempt: Attempt,
): Failure {
  return new AppError(code, {
    context: { attempt_id: attempt.id, agent_id: attempt.agentId },
  }).toFailure()
}

/** J11: what became of it nobody can tell, so that somebody has to look. */
function lostGuarded(cause: string, attempt: Attempt): Failure {
  return new AppError('job.lost-guarded', {
    context: { cause, attempt_id: attempt.id, agent_id: attempt.agentId },
  }).toFailure()
}

/** An agent that stops unasked (it is being shut down) leaves nothing behind: worth another try. */
const interrupted: Failure = new AppError('interrupted').toFailure()
