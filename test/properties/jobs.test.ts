import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AttemptRef, JobEvent, Step } from '../../coordinator/jobs/event.ts'
import { checkInvariants } from '../../coordinator/jobs/invariants.ts'
import { attemptOf, isEnded, isGuarded, type Job, type JobKind } from '../../coordinator/jobs/job.ts'
import { transition } from '../../coordinator/jobs/transition.ts'
import { AppError, type ErrorCode } from '../../shared/errors/index.ts'
import { idFrom } from '../../shared/model/identifiers.ts'
import { operator, queuedJob, uuidOf } from '../coordinator/jobs/job-maker.ts'

// Random histories of one job: agents that answer late, twice, out of turn, with stale or forged names.

interface Move {
  readonly event: JobEvent['kind']
  /** Whose name is on it: the newest attempt, an older one, the newest with another epoch or agent, nobody's. */
  readonly named: 'newest' | 'older' | 'other-epoch' | 'other-agent' | 'forged'
  readonly code: ErrorCode
  readonly agent: number
  readonly after: number
}

const kinds: readonly JobEvent['kind'][] = [
  'assign',
  'accepted',
  'declined',
  'accept-timed-out',
  'lease-expired',
  'agent-restarted',
  'resumed',
  'succeeded',
  'failed',
  'stopped',
  'cancel',
]

const move: fc.Arbitrary<Move> = fc.record({
  event: fc.oneof(
    { weight: 3, arbitrary: fc.constant('assign' as const) },
    { weight: 3, arbitrary: fc.constant('accepted' as const) },
    { weight: 6, arbitrary: fc.constantFrom(...kinds.filter(kind => kind !== 'succeeded')) },
    { weight: 1, arbitrary: fc.constant('succeeded' as const) },
  ),
  named: fc.oneof(
    { weight: 6, arbitrary: fc.constant('newest' as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        'older' as const,
        'other-epoch' as const,
        'other-agent' as const,
        'forged' as const,
      ),
    },
  ),
  code: fc.constantFrom<ErrorCode>(
    'stage.failed',
    'database.unreachable',
    'tool.missing',
    'database.name-unsupported',
  ),
  agent: fc.nat({ max: 2 }),
  after: fc.constantFrom(0, 1_000, 30_000, 120_000, 3_600_000),
})

const history = fc.record({
  kind: fc.constantFrom<JobKind>('backup', 'restore', 'delete'),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  moves: fc.array(move, { maxLength: 40 }),
})

interface Turn {
  readonly before: Job
  readonly event: JobEvent
  readonly step: Step
  readonly now: number
}

/** Plays a history; names are taken from the attempts made so far. */
function play(input: { kind: JobKind; maxAttempts: number; moves: readonly Move[] }): {
  turns: Turn[]
  job: Job
} {
  let job = queuedJob(input.kind, {
    retry: { maxAttempts: input.maxAttempts, baseDelay: 1_000, maxDelay: 60_000 },
  })
  let now = 0
  const made: AttemptRef[] = []
  const turns: Turn[] = []
  for (const [index, each] of input.moves.entries()) {
    now += each.after
    const event = eventOf(each, made, index)
    const step = transition(job, event, { wall: now, mono: now })
    turns.push({ before: job, event, step, now })
    if (step.kind === 'refused') continue
    for (const change of step.attempts)
      if (change.kind === 'made') {
        const { id, epoch, agentId } = change.attempt
        made.push({ attemptId: id, epoch, agentId })
      }
    job = step.job
  }
  return { turns, job }
}

function eventOf(each: Move, made: readonly AttemptRef[], index: number): JobEvent {
  const agentId = idFrom('agent', uuidOf(50 + each.agent))
  const newest = made.at(-1)
  const forged = { attemptId: idFrom('attempt', uuidOf(9_000)), epoch: 1, agentId }
  const ref: AttemptRef =
    newest === undefined || each.named === 'forged'
      ? forged
      : each.named === 'older'
        ? (made.at(-2) ?? forged)
        : each.named === 'other-epoch'
          ? { ...newest, epoch: newest.epoch + (index % 2 === 0 ? 1 : -1) }
          : each.named === 'other-agent'
            ? { ...newest, agentId: idFrom('agent', uuidOf(59)) }
            : newest
  const failure = new AppError(each.code).toFailure()
  switch (each.event) {
    case 'assign':
      return {
        kind: 'assign',
        attemptId: idFrom('attempt', uuidOf(1_000 + index)),
        agentId,
        leaseTtl: 120_000,
      }
    case 'declined':
    case 'failed':
      return { kind: each.event, ref, failure }
    case 'resumed':
      return { kind: 'resumed', ref, leaseTtl: 120_000 }
    case 'succeeded':
      return { kind: 'succeeded', ref, backupId: idFrom('backup', uuidOf(2_000 + index)) }
    case 'cancel':
      return { kind: 'cancel', by: operator, reason: 'because' }
    default:
      return { kind: each.event, ref }
  }
}

/** Holds `claim` against many histories. */
function always(claim: (turns: readonly Turn[], job: Job) => void, runs = 1_500): void {
  fc.assert(
    fc.property(history, input => {
      const { turns, job } = play(input)
      claim(turns, job)
    }),
    { numRuns: runs },
  )
}

describe('any history of a job', () => {
  it('breaks no invariant that checkInvariants knows, at any step', () => {
    always(turns => {
      for (const { before, event, step } of turns) expect(checkInvariants(before, event, step)).toEqual([])
    })
  })

  it('J1: transition changes nothing it was given and says the same when asked again', () => {
    always(turns => {
      for (const { before, event, step, now } of turns) {
        const copy = structuredClone(before)
        expect(transition(before, event, { wall: now, mono: 0 })).toEqual(step)
        expect(before).toEqual(copy)
      }
    }, 300)
  })

  it('J2, J7: a report of another attempt, epoch or agent never changes the job, a success as little as a failure', () => {
    always(turns => {
      for (const { before, event, step } of turns) {
        if (!('ref' in event)) continue
        const held = attemptOf(before.state)
        const current =
          held?.id === event.ref.attemptId &&
          held.epoch === event.ref.epoch &&
          held.agentId === event.ref.agentId
        if (!current) expect(step.kind).toBe('refused')
      }
    })
  })

  it('J3: an ended job stays ended, and in the same state', () => {
    always((turns, job) => {
      const end = turns.findIndex(({ step }) => step.kind === 'accepted' && isEnded(step.job.state))
      if (end < 0) return
      const { step } = turns[end] ?? {}
      for (const later of turns.slice(end + 1))
        expect(later.step).toEqual({ kind: 'refused', reason: 'already-ended' })
      expect(step?.kind === 'accepted' && step.job).toEqual(job)
    })
  })

  it('J4: the epoch never falls, and only assign raises it, by one', () => {
    always(turns => {
      for (const { before, event, step } of turns)
        if (step.kind === 'accepted')
          expect(step.job.epoch - before.epoch).toBe(event.kind === 'assign' ? 1 : 0)
    })
  })

  it('J4: at most one lease lives, it is the newest attempt’s, and none outlives the job', () => {
    always((turns, job) => {
      const live = new Set<string>()
      for (const { step } of turns) {
        if (step.kind === 'refused') continue
        for (const effect of step.effects) {
          if (effect.kind === 'end-lease') live.delete(effect.attempt.id)
          if (effect.kind === 'start-lease') live.add(effect.attempt.id)
        }
        expect(live.size).toBeLessThanOrEqual(1)
        for (const id of live) expect(attemptOf(step.job.state)?.id).toBe(id)
        if (step.job.state.kind === 'running' || step.job.state.kind === 'cancelling')
          expect(live.size, `${step.job.state.kind} without a clock would never end`).toBe(1)
      }
      if (isEnded(job.state)) expect(live.size).toBe(0)
    })
  })

  it('J6: an attempt whose lease ran out is resumed with its epoch as long as no newer one was made', () => {
    always(turns => {
      for (const { before, event, step } of turns) {
        if (event.kind !== 'resumed' || before.state.kind !== 'queued') continue
        const last = before.state.lastAttempt
        const same = last?.id === event.ref.attemptId && last.epoch === event.ref.epoch
        if (!same || last.agentId !== event.ref.agentId) expect(step.kind).toBe('refused')
        else expect(step.kind === 'accepted' && attemptOf(step.job.state)?.epoch).toBe(last.epoch)
      }
    })
  })

  it('J8: every accepted step leaves one audit event that names it, a refused step leaves none', () => {
    always(turns => {
      const audited = turns.flatMap(({ step }) => (step.kind === 'accepted' ? [step.audit.action] : []))
      const counted = turns
        .filter(({ step }) => step.kind === 'accepted')
        .map(({ event }) => `job.${event.kind}`)
      expect(audited).toEqual(counted)
      for (const { step } of turns)
        if (step.kind === 'refused') expect(Object.keys(step)).toEqual(['kind', 'reason'])
    })
  })

  it('J10: Start leaves only with a step after which the attempt is recorded as started', () => {
    always(turns => {
      for (const { step } of turns) {
        if (step.kind === 'refused') continue
        for (const effect of step.effects)
          if (effect.kind === 'send-start') {
            expect(step.job.state.kind).toBe('running')
            expect(attemptOf(step.job.state)?.startedAt).toBeDefined()
          }
      }
    })
  })

  it('J11: a guarded job is never queued, nor assigned, again after a Start was sent', () => {
    always(turns => {
      let startSent = false
      for (const { before, step } of turns) {
        if (!isGuarded(before.kind) || step.kind === 'refused') continue
        if (startSent) expect(['queued', 'assigned']).not.toContain(step.job.state.kind)
        startSent ||= step.effects.some(effect => effect.kind === 'send-start')
      }
    })
  })

  it('J13: a success of the current attempt ends a job succeeded, also one that is being cancelled', () => {
    always(turns => {
      for (const { before, event, step } of turns) {
        if (event.kind !== 'succeeded' || step.kind === 'refused') continue
        expect(isEnded(before.state)).toBe(false)
        expect(step.job.state.kind).toBe('succeeded')
      }
    })
  })

  it('never makes more attempts than the policy allows', () => {
    always((_, job) => expect(job.attempts).toBeLessThanOrEqual(job.retry.maxAttempts))
  })

  it('can always be ended: whatever happened, the clocks and a cancel alone end it', () => {
    always((_, left) => {
      let job = left
      for (let i = 0; i < 4 && !isEnded(job.state); i += 1) {
        const held = attemptOf(job.state)
        const events: JobEvent[] = [{ kind: 'cancel', by: operator, reason: 'enough' }]
        if (held !== undefined)
          events.push({
            kind: 'lease-expired',
            ref: { attemptId: held.id, epoch: held.epoch, agentId: held.agentId },
          })
        for (const event of events) {
          const step = transition(job, event, { wall: 1e12, mono: 0 })
          if (step.kind === 'accepted') job = step.job
        }
      }
      expect(isEnded(job.state)).toBe(true)
    })
  })
})

describe('the generator is worth its salt', () => {
  it('reaches every event accepted, every refusal, every state', () => {
    const seen = new Set<string>()
    for (const input of fc.sample(history, { numRuns: 4_000, seed: 7 }))
      for (const { event, step } of play(input).turns)
        seen.add(step.kind === 'refused' ? step.reason : `${event.kind}→${step.job.state.kind}`)
    for (const kind of kinds)
      expect(
        [...seen].some(text => text.startsWith(`${kind}→`)),
        kind,
      ).toBe(true)
    for (const text of [
      'already-ended',
      'not-current-attempt',
      'not-queued',
      'not-assigned',
      'not-running',
      'not-before',
      'already-cancelling',
      'resumed→running',
      'succeeded→succeeded',
      'failed→queued',
      'failed→failed',
      'lease-expired→failed',
      'stopped→cancelled',
    ])
      expect(seen).toContain(text)
  })
})
