import { describe, expect, it } from 'vitest'
import { forecast, type Reading, remembered, workOf } from '../../../agent/jobs/forecast.ts'

/** Readings every `step` ms at a rate in bytes per second. */
function run(readings: readonly Reading[], seconds: number, rate: number, step = 250): readonly Reading[] {
  let { at, done } = readings.at(-1) ?? { at: 0, done: 0 }
  let now: readonly Reading[] = readings.length === 0 ? remembered([], { at, done }) : readings
  for (let i = 0; i < (seconds * 1_000) / step; i++) {
    at += step
    done += (rate * step) / 1_000
    now = remembered(now, { at, done })
  }
  return now
}

describe('the predicted end', () => {
  it('is not guessed from less than a second', () => {
    expect(forecast([], 100)).toEqual({ bytesPerSecond: 0, remainingMs: 0 })
    expect(forecast(run([], 0.9, 1_000, 100), 1e6)).toEqual({ bytesPerSecond: 0, remainingMs: 0 })
  })

  it('follows from the recent rate: a stream that slowed down will be late', () => {
    const fast = run([], 60, 10_000)
    expect(forecast(fast, 1_200_000)).toEqual({ bytesPerSecond: 10_000, remainingMs: 60_000 })
    const slow = run(fast, 40, 1_000)
    expect(forecast(slow, 1_200_000).bytesPerSecond).toBe(1_000)
    expect(forecast(slow, 1_200_000).remainingMs).toBe(1_200_000 - 640_000)
  })

  it('is not told for a prediction that was passed, an unknown size, or a stream that stands', () => {
    const readings = run([], 10, 1_000)
    expect(forecast(readings, 5_000)).toEqual({ bytesPerSecond: 1_000, remainingMs: 0 })
    expect(forecast(readings, 0)).toEqual({ bytesPerSecond: 1_000, remainingMs: 0 })
    expect(forecast(run(readings, 60, 0), 1e6)).toEqual({ bytesPerSecond: 0, remainingMs: 0 })
  })

  it('begins anew with new work, and keeps few readings however often it is told', () => {
    const readings = run([], 600, 1_000, 10)
    expect(readings.length).toBeLessThan(100)
    expect(remembered(readings, { at: 601_000, done: 0 })).toEqual([{ at: 601_000, done: 0 }])
  })

  it('of a staged backup being uploaded is that of the stored bytes', () => {
    const raw = { stage: 'x', rawBytes: 10, storedBytes: 1, predictedRawBytes: 20 }
    expect(workOf(raw)).toEqual({ done: 10, of: 20 })
    expect(workOf({ ...raw, work: { done: 1, of: 4 } })).toEqual({ done: 1, of: 4 })
  })
})
