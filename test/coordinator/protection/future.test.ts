import { describe, expect, test } from 'vitest'
import { startableAt } from '../../../coordinator/jobs/retry.ts'
import { isFromTheFuture, isVouchedFor } from '../../../coordinator/protection/future.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const now = 1_000 * day

describe('a time that a wrong clock wrote down', () => {
  test.each([
    ['data of an hour ahead', { clockFrom: 0, lastDataAsOf: now + hour }, true],
    ['a first sight of a year ahead', { clockFrom: now + 365 * day }, true],
    ['a hold of a year', { clockFrom: 0, nextDueAt: now + 365 * day }, true],
    [
      'data of now, by a clock that is set right by seconds',
      { clockFrom: now, lastDataAsOf: now + 20_000 },
      false,
    ],
    [
      'what is due when its window opens next week',
      { clockFrom: 0, nextDueAt: now + 7 * day + 26 * hour },
      false,
    ],
    ['nothing unusual', { clockFrom: 0, lastDataAsOf: now - hour, nextDueAt: now + hour }, false],
  ])('%s: %j', (_, times, expected) => {
    expect(isFromTheFuture(times, 26 * hour, now)).toBe(expected)
  })

  test('is corrected by a clock that most agents agree with, and by none that nobody vouches for', () => {
    expect(isVouchedFor([])).toBe(false)
    expect(isVouchedFor([5, -2_000, 3 * hour])).toBe(true)
    expect(isVouchedFor([5, 3 * hour])).toBe(false)
    expect(isVouchedFor([-365 * day, -365 * day])).toBe(false)
  })

  test('does not hold a job back for longer than the longest wait between two tries', () => {
    const rule = { maxAttempts: 3, baseDelay: 1, maxDelay: 15 * minute }
    expect(startableAt(now + 15 * minute, rule, now)).toBe(now + 15 * minute)
    expect(startableAt(now + 365 * day, rule, now)).toBe(now)
    expect(startableAt(now - 1, rule, now)).toBe(now - 1)
  })
})
