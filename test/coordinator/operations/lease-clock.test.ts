import { describe, expect, test } from 'vitest'
import type { Attempt } from '../../../coordinator/jobs/index.ts'
import { LeaseClock } from '../../../coordinator/operations/lease-clock.ts'
import { newId } from '../../../shared/clock/index.ts'

const jobId = newId('job')
const attempt: Attempt = { id: newId('attempt'), epoch: 3, agentId: newId('agent'), assignedAt: 0 }
const ref = { attemptId: attempt.id, epoch: 3, agentId: attempt.agentId }

function clockWithLease(ttl = 1_000) {
  const clock = new LeaseClock(500)
  clock.tick(0, false)
  clock.start(jobId, attempt, ttl, 0)
  return clock
}

/** Ticks every 100 ms up to `until`; what ran out, with when. */
function run(clock: LeaseClock, from: number, until: number, blind = false) {
  const expired: [number, string][] = []
  for (let at = from + 100; at <= until; at += 100)
    for (const each of clock.tick(at, blind)) expired.push([at, each.kind])
  return expired
}

describe('the lease clock (J6)', () => {
  test('a lease runs out when its TTL passed without renewal, once', () => {
    expect(run(clockWithLease(), 0, 3_000)).toEqual([[1_000, 'lease']])
  })

  test('each renewal gives a full TTL from then', () => {
    const clock = clockWithLease()
    expect(run(clock, 0, 900)).toEqual([])
    expect(clock.renew(ref, 900)).toBe(true)
    expect(run(clock, 900, 3_000)).toEqual([[1_900, 'lease']])
  })

  test.each([
    ['another agent', { ...ref, agentId: newId('agent') }],
    ['another epoch', { ...ref, epoch: 2 }],
    ['another attempt', { ...ref, attemptId: newId('attempt') }],
  ])('%s cannot renew it (J2)', (_who, other) => {
    const clock = clockWithLease()
    expect(clock.renew(other, 900)).toBe(false)
    expect(run(clock, 0, 1_000)).toEqual([[1_000, 'lease']])
  })

  test('it stands while the store does not answer', () => {
    const clock = clockWithLease()
    run(clock, 0, 500)
    expect(run(clock, 500, 60_000, true)).toEqual([])
    expect(run(clock, 60_000, 61_000)).toEqual([[60_500, 'lease']])
  })

  test('it stands for as long as this process itself stood: renewals of that time are not read yet', () => {
    const clock = clockWithLease()
    run(clock, 0, 500)
    // SIGSTOP for ten minutes
    expect(clock.tick(600_500, false)).toEqual([])
    expect(clock.renew(ref, 600_600)).toBe(true)
    expect(run(clock, 600_500, 602_000)).toEqual([[601_600, 'lease']])
  })

  test('waiting for `accepted` is not a lease: heartbeats do not prolong it', () => {
    const clock = new LeaseClock(500)
    clock.tick(0, false)
    clock.awaitAccept(jobId, attempt, 300, 0)
    expect(clock.renew(ref, 200)).toBe(false)
    expect(run(clock, 0, 1_000)).toEqual([[300, 'accept']])
  })

  test('what ran out and could not be written down runs out again', () => {
    const clock = clockWithLease()
    expect(run(clock, 0, 1_000)).toHaveLength(1)
    clock.refire(attempt.id)
    expect(run(clock, 1_000, 1_200)).toEqual([[1_100, 'lease']])
    clock.end(attempt.id)
    expect(clock.size).toBe(0)
  })
})
