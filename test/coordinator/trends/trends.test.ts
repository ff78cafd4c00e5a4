import { describe, expect, test } from 'vitest'
import {
  growthOf,
  outgrowsAt,
  remember,
  type Sample,
  timeAllowed,
  trendOf,
} from '../../../coordinator/trends/index.ts'
import { policyNamed } from '../policy/policy-maker.ts'

const hour = 3_600_000
const day = 24 * hour
const start = 1_800_000_000_000

const sample = (at: number, over: Partial<Sample> = {}): Sample => ({
  at,
  rawBytes: 1_000,
  storedBytes: 100,
  durationMs: hour,
  ...over,
})

/** A backup a day whose duration grows; `wild` gives those that took something else. */
function growing(
  days: number,
  perDay: number,
  wild: Readonly<Record<number, number>> = {},
): readonly Sample[] {
  return Array.from({ length: days }, (_, i) =>
    sample(start + i * day, { durationMs: wild[i] ?? hour + i * perDay, rawBytes: 1_000 + 10 * i }),
  )
}

describe('a history', () => {
  test('stays small, keeps the newest ten whole and reaches back evenly, hour by hour for a year', () => {
    let history: readonly Sample[] = []
    for (let i = 0; i < 365 * 24; i++) history = remember(history, sample(start + i * hour))
    const last = start + (365 * 24 - 1) * hour
    expect(history.length).toBe(48)
    expect(history.slice(-10).map(each => each.at)).toEqual(
      Array.from({ length: 10 }, (_, i) => last - (9 - i) * hour),
    )
    const first = history[0]?.at ?? 0
    expect(last - first).toBeLessThanOrEqual(180 * day)
    expect(last - first).toBeGreaterThan(150 * day)
    const gaps = history.slice(1, -10).map((each, i) => each.at - (history[i]?.at ?? 0))
    expect(Math.max(...gaps)).toBeLessThan(15 * day)
  })

  test('one that arrives late stands in its place, one that comes twice stands once', () => {
    const history = [1, 3, 2, 3].reduce<readonly Sample[]>((all, n) => remember(all, sample(start + n)), [])
    expect(history.map(each => each.at - start)).toEqual([1, 2, 3])
  })
})

describe('growth', () => {
  const points = (values: readonly number[], step = day) =>
    values.map((value, i) => ({ at: start + i * step, value }))

  test('nothing is said of fewer than seven samples, nor of less than six days', () => {
    expect(growthOf([])).toBeUndefined()
    expect(growthOf(points([1, 2, 3, 4, 5, 6]))).toBeUndefined()
    expect(growthOf(points([1, 2, 3, 4, 5, 6, 7, 8], hour))).toBeUndefined()
    expect(growthOf(points([1, 2, 3, 4, 5, 6, 7]))).toEqual({ perDay: 1, steady: true })
  })

  test('a wild value does not move it, what goes up and down is not steady, what shrinks is', () => {
    expect(growthOf(points([10, 20, 30, 4_000, 50, 60, 70]))?.perDay).toBe(10)
    expect(growthOf(points([10, 90, 10, 90, 10, 90, 10, 90]))?.steady).toBe(false)
    expect(growthOf(points([70, 60, 50, 40, 30, 20, 10]))).toEqual({ perDay: -10, steady: true })
    expect(growthOf(points([5, 5, 5, 5, 5, 5, 5]))).toEqual({ perDay: 0, steady: false })
  })
})

describe('a trend', () => {
  test('says what is usual, how it grows, and nothing without a history', () => {
    expect(trendOf([])).toBeUndefined()
    expect(trendOf([sample(start)])).toEqual({
      samples: 1,
      from: start,
      to: start,
      usualRawBytes: 1_000,
      usualStoredBytes: 100,
      usualDurationMs: hour,
      p90DurationMs: 66 * 60_000 + 5_000,
    })
    const trend = trendOf(growing(20, 60_000, { 7: 9 * hour }))
    expect(trend).toMatchObject({
      samples: 20,
      from: start,
      to: start + 19 * day,
      usualRawBytes: 1_145,
      usualDurationMs: hour + 19 * 60_000,
      rawGrowth: { perDay: 10, steady: true },
      storedGrowth: { perDay: 0, steady: false },
      durationGrowth: { perDay: 60_000, steady: true },
    })
  })

  test('a backup outgrows its window when its 90th percentile will be longer than that', () => {
    const trend = trendOf(growing(28, 60_000))
    if (trend === undefined) throw new Error('no trend')
    const allowed = trend.p90DurationMs + 35 * 60_000
    expect(outgrowsAt(trend, allowed)).toBe(trend.to + 35 * day)
    expect(outgrowsAt(trend, trend.p90DurationMs - 1)).toBe(trend.to)
    // further ahead than three times the history goes back nothing is said
    expect(outgrowsAt(trend, trend.p90DurationMs + 80 * 60_000)).toBe(trend.to + 80 * day)
    expect(outgrowsAt(trend, trend.p90DurationMs + 82 * 60_000)).toBeUndefined()
    expect(outgrowsAt({ ...trend, durationGrowth: { perDay: -1, steady: true } }, allowed)).toBeUndefined()
    expect(outgrowsAt({ ...trend, durationGrowth: { perDay: 9, steady: false } }, allowed)).toBeUndefined()
    const { durationGrowth: _, ...young } = trend
    expect(outgrowsAt(young, allowed)).toBeUndefined()
  })

  test('the time a policy allows is its longest window, or its RPO where a job may run on', () => {
    const windows = [
      { from: 0, to: 60 },
      { from: 120, to: 360 },
    ]
    const policy = { ...policyNamed('gold'), rpo: 30 * hour }
    expect(timeAllowed(policy, start)).toBe(30 * hour)
    expect(timeAllowed({ ...policy, windows }, start)).toBe(4 * hour)
    expect(timeAllowed({ ...policy, windows, rpo: 2 * hour }, start)).toBe(2 * hour)
    expect(timeAllowed({ ...policy, windows, mustFinish: false }, start)).toBe(30 * hour)
  })
})
