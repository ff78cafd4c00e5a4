import { describe, expect, test } from 'vitest'
import { expectedRuns, withGood } from '../../../coordinator/protection/expected-runs.ts'

const hour = 3_600_000
const day = 24 * hour
/** A midnight, UTC. */
const base = Math.floor(1_800_000_000_000 / day) * day
const hourly = { schedule: { kind: 'interval', every: hour }, rpo: 2 * hour } as const
const nightly = {
  schedule: { kind: 'cron', expression: '0 1 * * *', zone: 'UTC', every: day },
  rpo: 26 * hour,
} as const

const counted = (
  good: readonly number[],
  change: Partial<Parameters<typeof expectedRuns>[0]> = {},
  to = base + day,
) => {
  const { expected, made } = expectedRuns({
    policy: hourly,
    clockFrom: base - 100 * day,
    good,
    from: to - day,
    to,
    ...change,
  })
  return `${made} of ${expected}`
}

/** One each so many hours, from `first` to `last`, in hours after `base`. */
const each = (first: number, last: number, step = 1) =>
  Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, n) => base + (first + n * step) * hour)

describe('P1: expected runs are counted, not attempted ones', () => {
  test('a fleet whose agent is dead has a falling rate though nothing failed', () => {
    const good = each(-40, 12)
    const rates = [12, 14, 18, 24, 30, 36, 40].map(at => counted(good, {}, base + at * hour))
    // dead after the twelfth hour: each hour one more is missed, and the good ones go out of sight
    expect(rates).toEqual(['24 of 24', '22 of 23', '18 of 23', '12 of 23', '6 of 23', '0 of 23', '0 of 24'])
  })

  test('all are made where every run came before its promise broke', () => {
    expect(counted(each(-1, 24))).toBe('24 of 24')
    expect(counted(each(-1, 24, 1.5))).toBe('16 of 16')
  })

  test('a run whose promise broke is missed, and the one that came later is the next one', () => {
    expect(counted(each(-1, 24, 2.5))).toBe('10 of 20')
    // three runs were missed, the fourth came
    expect(counted([base, base + 4.5 * hour, ...each(5.5, 24)], {})).toBe('20 of 23')
  })

  test('a backup by hand that nobody expected makes no run of its own, and hides none', () => {
    const policy = { schedule: { kind: 'interval', every: 12 * hour }, rpo: 13 * hour } as const
    expect(counted([base - hour, ...each(0.5, 5)], { policy })).toBe('0 of 1')
    expect(counted([base - 6 * hour, base + 6 * hour, base + 7 * hour, base + 19 * hour], { policy })).toBe(
      '2 of 2',
    )
  })

  test('a database that never had a backup misses each of them, from when its first promise breaks', () => {
    expect(counted([], { clockFrom: base })).toBe('0 of 23')
    expect(counted([], { clockFrom: base + 23 * hour })).toBe('0 of 0')
    expect(counted([base + hour], { clockFrom: base })).toBe('1 of 23')
  })

  test('by cron its instants are the runs, however long ago the last backup was', () => {
    expect(counted([base - 23 * hour + 60_000, base + hour + 60_000], { policy: nightly })).toBe('1 of 1')
    expect(counted([base - 90 * day], { policy: nightly })).toBe('0 of 1')
    expect(counted([], { policy: nightly })).toBe('0 of 1')
    // not yet: it may still come until the promise breaks
    expect(counted([base - 23 * hour + 60_000], { policy: nightly }, base + 2 * hour)).toBe('0 of 0')
    const minutely = {
      schedule: { ...nightly.schedule, expression: '* * * * *', every: 60_000 },
      rpo: 120_000,
    }
    expect(counted([], { policy: minutely })).toBe('0 of 1440')
  })

  test('nothing is expected of no time', () => {
    expect(counted(each(0, 24), { from: base + day })).toBe('0 of 0')
  })
})

test('what is remembered of good backups is what the count needs', () => {
  expect(withGood(undefined, 5, 3)).toEqual([5])
  expect(withGood([1, 2, 4], 5, 3)).toEqual([2, 4, 5])
  // one of older data that arrives late
  expect(withGood([4, 6], 5, 3)).toEqual([4, 5, 6])
  const many = Array.from({ length: 200 }, (_, n) => n)
  expect(withGood(many, 200, 0)).toHaveLength(100)
})
