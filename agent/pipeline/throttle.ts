import type { Clock } from '../../shared/clock/index.ts'
import { abortCause } from '../process/index.ts'

/** What is in a bucket, bytes; below 0 is a debt that later drops pay. `at` is monotonic time, ms. */
export interface Bucket {
  readonly tokens: number
  readonly at: number
}

/** Bytes are let through in pieces of this size at most, in turn, so that no stream waits behind a large one. */
const quantum = 64 * 1024

/** The most a bucket holds, bytes: a quarter of a second, so that a pause is not followed by a flood. */
export function burstOf(rate: number): number {
  return Math.max(rate / 4, 1)
}

/** The bucket as it is at `now`. @param rate bytes per second; 0 lets nothing through */
export function refilled({ tokens, at }: Bucket, rate: number, now: number): Bucket {
  const elapsed = Math.max(0, now - at)
  return { tokens: Math.min(burstOf(rate), tokens + (elapsed / 1_000) * rate), at: Math.max(at, now) }
}

/** Takes bytes out; it may go into debt, so that a piece of any size passes in the end. */
export function spent(bucket: Bucket, bytes: number): Bucket {
  return { ...bucket, tokens: bucket.tokens - bytes }
}

/** How long until anything may pass, ms; infinite with rate 0. */
export function waitOf({ tokens }: Bucket, rate: number): number {
  if (tokens > 0) return 0
  // at least a byte's worth, so that what is waited for is above 0 and not 0 itself
  return rate <= 0 ? Number.POSITIVE_INFINITY : ((1 - tokens) / rate) * 1_000
}

/** What holds bytes back at an intake. */
export interface Limit {
  /** Nothing when `bytes` may pass at once, else a promise until they may. Rejects with the signal's cause. */
  take(bytes: number, signal: AbortSignal): Promise<void> | undefined
}

interface Waiting {
  readonly bytes: number
  readonly grant: () => void
}

/**
 * Lets bytes through at a rate, shared fairly: whoever asks waits in one line, a piece at a time. The rate may
 * be changed at any moment and counts at once for those who wait.
 */
export class Throttle implements Limit {
  readonly #clock: Clock
  readonly #line: Waiting[] = []
  #rate: number | undefined
  #bucket: Bucket
  #changed = new AbortController()
  #serving = false
  #passed = 0

  /** @param rate bytes per second; undefined is no limit, 0 a stop */
  constructor(rate: number | undefined, clock: Clock) {
    this.#clock = clock
    this.#rate = rate
    this.#bucket = { tokens: burstOf(rate ?? 0), at: clock.now().mono }
  }

  /** Bytes that were asked for so far. */
  get passed(): number {
    return this.#passed
  }

  get rate(): number | undefined {
    return this.#rate
  }

  set rate(value: number | undefined) {
    if (this.#rate !== undefined) this.#bucket = refilled(this.#bucket, this.#rate, this.#clock.now().mono)
    else this.#bucket = { tokens: 1, at: this.#clock.now().mono }
    this.#rate = value
    this.#changed.abort()
    this.#changed = new AbortController()
  }

  take(bytes: number, signal: AbortSignal): Promise<void> | undefined {
    this.#passed += bytes
    return this.#rate === undefined && !signal.aborted ? undefined : this.#pass(bytes, signal)
  }

  async #pass(bytes: number, signal: AbortSignal): Promise<void> {
    for (let left = bytes; left > 0; left -= quantum) {
      if (signal.aborted) throw abortCause(signal)
      if (this.#rate === undefined) return
      await this.#turn(Math.min(left, quantum), signal)
    }
  }

  #turn(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        const place = this.#line.indexOf(waiting)
        if (place >= 0) this.#line.splice(place, 1)
        reject(abortCause(signal))
        // whoever waited alone is gone: the sleep for it may end
        if (this.#line.length === 0) this.#changed.abort()
      }
      const waiting: Waiting = {
        bytes,
        grant: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#line.push(waiting)
      if (!this.#serving) void this.#serve()
    })
  }

  /** Serves the line until it is empty. Never rejects. */
  async #serve(): Promise<void> {
    this.#serving = true
    try {
      for (let head = this.#line[0]; head !== undefined; head = this.#line[0]) {
        const rate = this.#rate
        const now = this.#clock.now().mono
        if (rate !== undefined) this.#bucket = refilled(this.#bucket, rate, now)
        const wait = rate === undefined ? 0 : waitOf(this.#bucket, rate)
        if (wait > 0) {
          await this.#sleep(wait)
          continue
        }
        if (rate !== undefined) this.#bucket = spent(this.#bucket, head.bytes)
        this.#line.shift()
        head.grant()
      }
    } finally {
      this.#serving = false
    }
  }

  /** Until the time has come, or the rate is another, or nobody waits any more. */
  async #sleep(ms: number): Promise<void> {
    if (this.#changed.signal.aborted) this.#changed = new AbortController()
    await this.#clock.sleep(Math.min(Math.ceil(ms), longestSleep), this.#changed.signal).catch(() => {})
  }
}

/** A timer takes no more than this, and a paused line looks up now and then, ms. */
const longestSleep = 60_000

/** Several limits as one: what passes has passed all of them. */
export function limits(all: readonly Limit[]): Limit {
  return {
    take: (bytes, signal) => {
      const held = all.map(limit => limit.take(bytes, signal)).filter(wait => wait !== undefined)
      return held.length === 0 ? undefined : Promise.all(held).then(() => undefined)
    },
  }
}
