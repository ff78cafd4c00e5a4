import { describe, expect, it } from 'vitest'
import { burstOf, limits, refilled, spent, Throttle, waitOf } from '../../../agent/pipeline/throttle.ts'
import type { Clock } from '../../../shared/clock/index.ts'
import { AppError } from '../../../shared/errors/index.ts'

const kib = 1024
const never = new AbortController().signal

/** A clock that stands still until somebody sleeps, and then is there at once. */
function sleepingClock(): Clock & { mono: number } {
  const clock = {
    mono: 0,
    now: () => ({ wall: clock.mono, mono: clock.mono }),
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        setImmediate(() => {
          if (signal?.aborted) return reject(signal.reason)
          clock.mono += ms
          resolve()
        })
      }),
  }
  return clock
}

/** A clock on which nothing ever comes to pass by itself. */
function stoppedClock(): Clock {
  return {
    now: () => ({ wall: 0, mono: 0 }),
    sleep: (_ms, signal) =>
      new Promise((_, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
  }
}

describe('a bucket', () => {
  it('fills at its rate, never above a quarter of a second, and never backwards in time', () => {
    const empty = { tokens: 0, at: 1_000 }
    expect(refilled(empty, 1_000, 1_100)).toEqual({ tokens: 100, at: 1_100 })
    expect(refilled(empty, 1_000, 9_000).tokens).toBe(burstOf(1_000))
    expect(refilled(empty, 1_000, 500)).toEqual(empty)
  })

  it('goes into debt for a piece of any size, and says how long that lasts', () => {
    const owing = spent({ tokens: 10, at: 0 }, 1_009)
    expect(waitOf(owing, 1_000)).toBe(1_000)
    expect(waitOf(refilled(owing, 1_000, 1_001), 1_000)).toBe(0)
    expect(waitOf({ tokens: 1, at: 0 }, 1_000)).toBe(0)
    expect(waitOf({ tokens: 0, at: 0 }, 0)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('a throttle', () => {
  it('lets bytes through at its rate, whatever the pieces', async () => {
    const clock = sleepingClock()
    const throttle = new Throttle(1024 * kib, clock)
    for (let sent = 0; sent < 10 * 1024 * kib; sent += 100 * kib) await throttle.take(100 * kib, never)
    // 10 MiB at 1 MiB/s, the burst at the start and the last piece aside
    expect(clock.mono).toBeGreaterThan(9_500)
    expect(clock.mono).toBeLessThan(10_500)
  })

  it('is shared fairly: a stream of large pieces takes no more than one of small ones', async () => {
    const clock = sleepingClock()
    const throttle = new Throttle(1024 * kib, clock)
    const passed = { large: 0, small: 0 }
    const end = new AbortController()
    const stream = async (name: 'large' | 'small', piece: number) => {
      for (;;) {
        await throttle.take(piece, end.signal)
        passed[name] += piece
        if (clock.mono > 20_000) end.abort(new AppError('interrupted'))
      }
    }
    await Promise.allSettled([stream('large', 1024 * kib), stream('small', 64 * kib)])
    expect(passed.small / passed.large).toBeGreaterThan(0.85)
    expect(passed.small / passed.large).toBeLessThan(1.15)
  })

  it('changes for those who already wait: from a stop to no limit', async () => {
    const throttle = new Throttle(0, stoppedClock())
    await throttle.take(1, never) // the byte a new bucket holds
    const waiting = throttle.take(10 * kib, never)
    throttle.rate = undefined
    await waiting
    expect(throttle.rate).toBeUndefined()
    throttle.rate = 1_000_000
    expect(throttle.rate).toBe(1_000_000)
  })

  it('is left with the cause of the signal, and the next one in line is served', async () => {
    const throttle = new Throttle(0, stoppedClock())
    await throttle.take(1, never)
    const stop = new AbortController()
    const first = throttle.take(1, stop.signal)
    const second = throttle.take(1, never)
    stop.abort(new AppError('job.cancelled'))
    await expect(first).rejects.toMatchObject({ code: 'job.cancelled' })
    throttle.rate = undefined
    await second
    await expect(throttle.take(1, stop.signal)).rejects.toMatchObject({ code: 'job.cancelled' })
  })

  it('of the job and that of the agent both hold: the slower one decides', async () => {
    const clock = sleepingClock()
    const both = limits([new Throttle(4096 * kib, clock), new Throttle(512 * kib, clock)])
    for (let sent = 0; sent < 4 * 1024 * kib; sent += 64 * kib) await both.take(64 * kib, never)
    expect(clock.mono).toBeGreaterThan(7_000)
  })
})
