import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { AttemptRef, JobEvent } from '../../../coordinator/jobs/event.ts'
import {
  type Attempt,
  attemptOf,
  type Job,
  type JobKind,
  type JobState,
} from '../../../coordinator/jobs/job.ts'
import { transition } from '../../../coordinator/jobs/transition.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { idFrom } from '../../../shared/model/identifiers.ts'
import { operator, queuedJob, uuidOf } from './job-maker.ts'

// The table on top of transition.ts is read here and held against what the function does, cell by cell.

const source = readFileSync(join(import.meta.dirname, '../../../coordinator/jobs/transition.ts'), 'utf8')
const rows = source
  .split('\n')
  .filter(line => /^ \* {2}\S.*\|.*\|/.test(line))
  .map(line =>
    line
      .slice(4)
      .split('|')
      .map(cell => cell.trim()),
  )
const [heading = [], ...table] = rows.filter(row => row[0] !== undefined)

const attempt: Attempt = {
  id: idFrom('attempt', uuidOf(10)),
  epoch: 4,
  agentId: idFrom('agent', uuidOf(11)),
  assignedAt: 0,
}
const started = { ...attempt, startedAt: 1 }
const lease = { ttl: 120_000 }
const failure = new AppError('stage.failed').toFailure()
const asked = { by: operator, reason: 'why not' }

const states: Readonly<Record<string, readonly JobState[]>> = {
  queued: [{ kind: 'queued', notBefore: 0, lastAttempt: attempt }],
  assigned: [{ kind: 'assigned', attempt, lease }],
  running: [{ kind: 'running', attempt: started, lease }],
  cancelling: [{ kind: 'cancelling', attempt, lease, ...asked }],
  ended: [
    { kind: 'succeeded', endedAt: 2, attempt: started },
    { kind: 'failed', endedAt: 2, failure, attempt: started },
    { kind: 'cancelled', endedAt: 2, attempt: started, ...asked },
  ],
}

const ref: AttemptRef = { attemptId: attempt.id, epoch: attempt.epoch, agentId: attempt.agentId }
const events: Readonly<Record<JobEvent['kind'], JobEvent>> = {
  assign: {
    kind: 'assign',
    attemptId: idFrom('attempt', uuidOf(12)),
    agentId: attempt.agentId,
    leaseTtl: 120_000,
  },
  accepted: { kind: 'accepted', ref },
  declined: { kind: 'declined', ref, failure },
  'accept-timed-out': { kind: 'accept-timed-out', ref },
  'lease-expired': { kind: 'lease-expired', ref },
  'agent-restarted': { kind: 'agent-restarted', ref },
  resumed: { kind: 'resumed', ref, leaseTtl: 120_000 },
  succeeded: { kind: 'succeeded', ref },
  failed: { kind: 'failed', ref, failure },
  stopped: { kind: 'stopped', ref },
  cancel: { kind: 'cancel', ...asked },
}

/** What a cell says happens to a job with attempts left, and to one without. */
function expected(cell: string, kind: JobKind, attemptsLeft: boolean): string {
  const word = cell.replace(/\(.*\)/, '').trim()
  const guarded = kind !== 'backup'
  if (word === 'queued, kept') return guarded ? 'failed' : 'queued'
  if (word === 'retry / final') return guarded || !attemptsLeft ? 'failed' : 'queued'
  if (word === 'retry* / lost' || word === 'retry / lost')
    return guarded || !attemptsLeft ? 'failed' : 'queued'
  if (word === 'retry' || word === 'retry*') return attemptsLeft ? 'queued' : 'failed'
  return word
}

function happens(job: Job, event: JobEvent): string {
  const step = transition(job, event, { wall: 5, mono: 5 })
  return step.kind === 'refused' ? step.reason : step.job.state.kind
}

describe('the table on top of transition.ts is what transition does', () => {
  it('names every event and every state', () => {
    expect(heading.slice(1)).toEqual(Object.keys(states))
    expect(table.map(row => row[0])).toEqual(Object.keys(events))
  })

  for (const [name, ...cells] of table)
    for (const [column, cell] of cells.entries())
      it(`${name} in ${heading[column + 1]}: ${cell}`, () => {
        const event = events[name as JobEvent['kind']]
        expect(states[heading[column + 1] ?? '']).toBeDefined()
        for (const state of states[heading[column + 1] ?? ''] ?? [])
          for (const kind of ['backup', 'restore', 'delete'] as const)
            for (const attempts of [1, 3]) {
              const job = queuedJob(kind, { epoch: 4, attempts, state })
              expect(happens(job, event), `${kind}, ${attempts} of 3 attempts`).toBe(
                expected(cell, kind, attempts < 3),
              )
            }
      })
})

describe('what the table says in notes', () => {
  const now = { wall: 5, mono: 5 }

  it('(a) assign waits for notBefore, whoever asked for the job', () => {
    const job = queuedJob('backup', { origin: 'operator', state: { kind: 'queued', notBefore: 6 } })
    expect(transition(job, events.assign, now)).toEqual({ kind: 'refused', reason: 'not-before' })
  })

  it('(a) assign tells an open last attempt that it is superseded, before the new one is offered', () => {
    const job = queuedJob('backup', { state: { kind: 'queued', notBefore: 0, lastAttempt: started } })
    const step = transition(job, events.assign, now)
    expect(step.kind === 'accepted' && step.effects.map(effect => effect.kind)).toEqual([
      'send-cancel',
      'send-assign',
    ])
  })

  it('(b) an accept clock says nothing of an attempt that was started', () => {
    const job = queuedJob('backup', { state: { kind: 'cancelling', attempt: started, lease, ...asked } })
    expect(happens(job, events['accept-timed-out'])).toBe('not-assigned')
  })

  it('(d) a late failure that no retry can mend ends the job although a retry was scheduled', () => {
    const job = queuedJob('backup', { state: { kind: 'queued', notBefore: 9, lastAttempt: started } })
    const never = new AppError('database.name-unsupported').toFailure()
    expect(happens(job, { kind: 'failed', ref, failure: never })).toBe('failed')
  })

  it('J2: another attempt, another epoch (higher or lower) or another agent does not count, in any state', () => {
    const wrong: AttemptRef[] = [
      { ...ref, attemptId: idFrom('attempt', uuidOf(99)) },
      { ...ref, epoch: 3 },
      { ...ref, epoch: 5 },
      { ...ref, agentId: idFrom('agent', uuidOf(99)) },
    ]
    for (const [name, list] of Object.entries(states))
      for (const state of list)
        for (const event of Object.values(events))
          for (const other of wrong) {
            if (!('ref' in event)) continue
            const job = queuedJob('backup', { epoch: 4, attempts: 1, state })
            expect(happens(job, { ...event, ref: other }), `${event.kind} in ${name}`).toBe(
              name === 'ended' ? 'already-ended' : 'not-current-attempt',
            )
          }
  })

  it('a fresh job has no attempt that anything could be said of', () => {
    expect(attemptOf(queuedJob().state)).toBeUndefined()
    expect(happens(queuedJob(), events.succeeded)).toBe('not-current-attempt')
    expect(happens(queuedJob(), events.resumed)).toBe('not-current-attempt')
  })
})
