import { describe, expect, it } from 'vitest'
import type { JobEvent, Step } from '../../coordinator/jobs/event.ts'
import { checkInvariants } from '../../coordinator/jobs/invariants.ts'
import type { Attempt, Job } from '../../coordinator/jobs/job.ts'
import { transition } from '../../coordinator/jobs/transition.ts'
import { AppError } from '../../shared/errors/index.ts'
import { idFrom } from '../../shared/model/identifiers.ts'
import { operator, queuedJob, uuidOf } from '../coordinator/jobs/job-maker.ts'

// checkInvariants is only a second opinion if it objects: each wrong step here was made by hand.

const attempt: Attempt = {
  id: idFrom('attempt', uuidOf(10)),
  epoch: 1,
  agentId: idFrom('agent', uuidOf(11)),
  assignedAt: 0,
  startedAt: 1,
}
const ref = { attemptId: attempt.id, epoch: 1, agentId: attempt.agentId }
const lease = { ttl: 120_000 }
const held = { epoch: 1, attempts: 1 }
const running = queuedJob('backup', { ...held, state: { kind: 'running', attempt, lease } })
const guarded = queuedJob('restore', { ...held, state: { kind: 'running', attempt, lease } })
const ended = queuedJob('backup', { ...held, state: { kind: 'succeeded', attempt, endedAt: 3 } })
const failure = new AppError('stage.failed').toFailure()

type Accepted = Extract<Step, { kind: 'accepted' }>

function objections(
  before: Job,
  event: JobEvent,
  change: Partial<Accepted> | ((step: Accepted) => Partial<Accepted>),
) {
  const now = { wall: 9, mono: 9 }
  const right = transition(before, event, now)
  const base: Accepted =
    right.kind === 'accepted'
      ? right
      : {
          kind: 'accepted',
          job: before,
          effects: [],
          attempts: [],
          audit: { action: `job.${event.kind}`, detail: {} },
        }
  return checkInvariants(before, event, {
    ...base,
    ...(typeof change === 'function' ? change(base) : change),
  })
}

describe('checkInvariants objects to', () => {
  const cases: readonly [string, string, () => string[]][] = [
    [
      'J2',
      'a stale success that counts',
      () =>
        objections(
          running,
          { kind: 'succeeded', ref: { ...ref, epoch: 2 } },
          { job: { ...running, state: { kind: 'succeeded', attempt, endedAt: 9 } } },
        ),
    ],
    [
      'J3',
      'an ended job that moves',
      () => objections(ended, { kind: 'cancel', by: operator, reason: '' }, {}),
    ],
    [
      'J4',
      'an epoch raised by anything but assign',
      () =>
        objections(running, { kind: 'failed', ref, failure }, step => ({ job: { ...step.job, epoch: 2 } })),
    ],
    [
      'J4',
      'a lease that nobody ends',
      () => objections(running, { kind: 'failed', ref, failure }, { effects: [] }),
    ],
    [
      'J4',
      'a lease begun on a job that holds none',
      () =>
        objections(running, { kind: 'failed', ref, failure }, step => ({
          effects: [...step.effects, { kind: 'start-lease', jobId: running.id, attempt, ttl: 1 }],
        })),
    ],
    [
      'J8',
      'a step audited under another name',
      () =>
        objections(running, { kind: 'failed', ref, failure }, { audit: { action: 'job.other', detail: {} } }),
    ],
    [
      'J10',
      'Start without accept',
      () =>
        objections(running, { kind: 'failed', ref, failure }, step => ({
          effects: [...step.effects, { kind: 'send-start', jobId: running.id, attempt }],
        })),
    ],
    [
      'J11',
      'a guarded job queued again',
      () =>
        objections(
          guarded,
          { kind: 'failed', ref, failure },
          { job: { ...guarded, state: { kind: 'queued', notBefore: 9 } } },
        ),
    ],
    [
      'J13',
      'a success that leaves the job cancelled',
      () =>
        objections(
          running,
          { kind: 'succeeded', ref },
          {
            job: { ...running, state: { kind: 'cancelled', attempt, endedAt: 9, by: operator, reason: '' } },
          },
        ),
    ],
    [
      'retry',
      'a job queued with no attempt left',
      () =>
        objections(running, { kind: 'failed', ref, failure }, step => ({
          job: { ...step.job, retry: { ...step.job.retry, maxAttempts: 1 } },
        })),
    ],
  ]
  for (const [invariant, what, run] of cases)
    it(`${invariant}: ${what}`, () => {
      expect(run().some(text => text.startsWith(`${invariant}:`))).toBe(true)
    })

  it('nothing in a right step', () => {
    expect(objections(running, { kind: 'failed', ref, failure }, {})).toEqual([])
  })
})
