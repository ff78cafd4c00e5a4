import { describe, expect, it } from 'vitest'
import { fitOf, type PastRun, predict } from '../../../coordinator/planner/index.ts'

const day = 86_400_000
const now = 1_800_000_000_000

/** Runs a day apart, oldest first; the last one yesterday. */
function runs(...minutes: number[]): readonly PastRun[] {
  return minutes.map((each, n) => ({
    startedAt: now - (minutes.length - n) * day,
    durationMs: each * 60_000,
    storedBytes: each * 60 * 10e6,
  }))
}

function predicted(history: readonly PastRun[], at = now) {
  const fit = fitOf(history)
  return predict({ engine: 'postgres', sizeBytes: 8e12, at, ...(fit === undefined ? {} : { fit }) })
}

describe('a predicted duration', () => {
  it('without history is twice what the engine promises, and pessimistic about that', () => {
    expect(predict({ engine: 'postgres', sizeBytes: 8e9 })).toMatchObject({ p50: 205_000, p90: 410_000 })
    expect(predict({ engine: 'mariadb', sizeBytes: 0 })).toEqual({ p50: 5_000, p90: 10_000, rate: 0 })
  })

  it('is the last one where there is one, whatever the size says', () => {
    const last = { lastDurationMs: 60_000, lastStoredBytes: 600e6 }
    expect(predict({ engine: 'postgres', sizeBytes: 8e12, ...last })).toEqual({
      p50: 60_000,
      p90: 95_000,
      // 10 MB/s over the whole minute, of which 43 s have bytes
      rate: Math.ceil(600e6 / 43),
    })
  })

  it('is the median of its history: one run in an outage moves nothing', () => {
    const { p50, rate } = predicted(runs(10, 11, 10, 600, 10, 9, 10))
    expect(p50).toBe(600_000)
    expect(rate).toBe(Math.ceil(6_000e6 / 475))
  })

  it('its tail is the tail of its history', () => {
    const { p90 } = predicted(runs(10, 20, 10, 20, 10, 20, 10, 20, 10, 20))
    expect(p90).toBeGreaterThan(18 * 60_000)
    expect(p90).toBeLessThanOrEqual(25 * 60_000)
  })

  it('follows a trend, and does not believe it beyond doubling', () => {
    expect(predicted(runs(10, 12, 14, 16, 18, 20)).p50).toBe(22 * 60_000)
    expect(predicted(runs(1, 20, 40, 60, 80), now + 30 * day).p50).toBeLessThanOrEqual(160 * 60_000)
  })

  it('is longer where its policy holds it back, by as much', () => {
    const input = {
      engine: 'postgres' as const,
      sizeBytes: 0,
      lastDurationMs: 60_000,
      lastStoredBytes: 600e6,
    }
    expect(predict({ ...input, maxRate: 5e6 })).toEqual({ p50: 120_000, p90: 190_000, rate: 5e6 })
    // peaks that are cut cost nothing of note
    expect(predict({ ...input, maxRate: 12e6 })).toEqual({ p50: 60_000, p90: 95_000, rate: 12e6 })
  })

  it('of bytes a second is what flows, so that one that is held to it takes no longer each time', () => {
    // a fifth of it, and some seconds, without bytes: connecting, locks, what is not data
    const [quiet, bytes] = [13_000, 400e6]
    let last = { durationMs: 53_000, rate: 0 }
    for (let run = 0; run < 20; run++) {
      const { rate } = predict({
        engine: 'postgres',
        sizeBytes: 0,
        lastDurationMs: last.durationMs,
        lastStoredBytes: bytes,
      })
      last = { durationMs: quiet + (bytes / Math.min(rate, 10e6)) * 1_000, rate }
    }
    expect(last.durationMs).toBeLessThan(54_000)
  })
})
