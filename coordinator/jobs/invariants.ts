import type { AttemptChange, JobEvent, Step } from './event.ts'
import { type Attempt, attemptOf, isEnded, isGuarded, type Job } from './job.ts'

/**
 * What must hold of any step, whatever the machine says: the second opinion of property tests and of the
 * writer under test. Returns the invariants broken, each as `J4: …`; empty when all hold.
 */
export function checkInvariants(before: Job, event: JobEvent, step: Step): string[] {
  if (step.kind === 'refused') return []
  const broken: string[] = []
  const demand = (holds: boolean, text: string) => {
    if (!holds) broken.push(text)
  }
  const after = step.job
  const held = attemptOf(before.state)
  const now = attemptOf(after.state)

  demand(!isEnded(before.state), `J3: ${event.kind} counted on an ended job (${before.state.kind})`)
  if ('ref' in event)
    demand(
      held !== undefined && names(event.ref, held),
      `J2: ${event.kind} of another attempt than the current one counted`,
    )

  if (event.kind === 'assign') {
    demand(before.state.kind === 'queued', `J4: assigned while ${before.state.kind}`)
    demand(after.epoch === before.epoch + 1, `J4: epoch ${before.epoch} became ${after.epoch} by assign`)
    demand(after.attempts === before.attempts + 1, 'J4: assign did not count one attempt')
    demand(now?.epoch === after.epoch && now.id === event.attemptId, 'J4: the new attempt is not the newest')
  } else {
    demand(after.epoch === before.epoch, `J4: ${event.kind} changed the epoch`)
    demand(after.attempts === before.attempts, `J4: ${event.kind} changed the number of attempts`)
    demand(
      now === undefined || (held !== undefined && sameAttempt(now, held)),
      `J4: ${event.kind} made an attempt`,
    )
    demand(!step.attempts.some(change => change.kind === 'made'), `J4: ${event.kind} made an attempt row`)
  }

  const starts = step.effects.filter(effect => effect.kind === 'start-lease')
  const holdsLease = 'lease' in after.state
  demand(starts.length <= 1, 'J4: more than one lease started')
  demand(starts.length === 0 || holdsLease, `J4: a lease was started in ${after.state.kind}`)
  demand(
    !('lease' in before.state) || holdsLease || step.effects.some(effect => effect.kind === 'end-lease'),
    `J4: the lease of ${before.state.kind} was not ended`,
  )

  demand(step.audit.action === `job.${event.kind}`, `J8: audited as ${step.audit.action}`)
  demand(
    !step.effects.some(effect => effect.kind === 'send-start') ||
      (after.state.kind === 'running' && after.state.attempt.startedAt !== undefined),
    'J10: Start without a committed accept',
  )
  demand(
    after.state.kind !== 'running' || after.state.attempt.startedAt !== undefined,
    'J10: running without a time of Start',
  )
  demand(
    !(isGuarded(before.kind) && before.state.kind === 'running' && after.state.kind === 'queued'),
    'J11: a guarded job was queued again after Start',
  )
  if (event.kind === 'succeeded')
    demand(
      after.state.kind === 'succeeded',
      `J13: a success of the current attempt left the job ${after.state.kind}`,
    )
  demand(
    after.state.kind !== 'queued' || after.attempts < after.retry.maxAttempts,
    'retry: queued again with no attempt left',
  )
  broken.push(...attemptRows(step.attempts, now ?? held))
  demand(sameWork(before, after), `${event.kind} changed what the job is`)
  return broken
}

/** Each step speaks of the current attempt only, and ends it at most once. */
function attemptRows(changes: readonly AttemptChange[], current: Attempt | undefined): string[] {
  const strangers = changes.filter(
    change => (change.kind === 'made' ? change.attempt.id : change.attemptId) !== current?.id,
  )
  const ends = changes.filter(change => change.kind === 'ended')
  return [
    ...(strangers.length > 0 ? ['J2: a step changed the row of another attempt'] : []),
    ...(ends.length > 1 ? ['J8: a step ended an attempt twice'] : []),
  ]
}

function names(ref: { attemptId: string; epoch: number; agentId: string }, attempt: Attempt): boolean {
  return ref.attemptId === attempt.id && ref.epoch === attempt.epoch && ref.agentId === attempt.agentId
}

function sameAttempt(one: Attempt, other: Attempt): boolean {
  return one.id === other.id && one.epoch === other.epoch && one.agentId === other.agentId
}

function sameWork(before: Job, after: Job): boolean {
  return (
    before.id === after.id &&
    before.kind === after.kind &&
    before.subject === after.subject &&
    before.order === after.order &&
    before.dueSlot === after.dueSlot &&
    before.retry === after.retry
  )
}
