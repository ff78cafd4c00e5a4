/** So many a second, and so many at once before that counts. */
export interface Pace {
  readonly rate: number
  readonly burst: number
}

/** A token bucket on a monotonic clock. */
export class Bucket {
  readonly #pace: Pace
  #left: number
  #at: number

  /** @param now monotonic milliseconds */
  constructor(pace: Pace, now: number) {
    this.#pace = pace
    this.#left = pace.burst
    this.#at = now
  }

  /** Takes one if there is one. */
  take(now: number): boolean {
    this.#fill(now)
    if (this.#left < 1) return false
    this.#left--
    return true
  }

  /** Takes one in advance; gives the milliseconds until it is there. */
  reserve(now: number): number {
    this.#fill(now)
    this.#left--
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left / this.#pace.rate) * 1_000)
  }

  /** Nothing was taken lately: it need not be remembered. */
  full(now: number): boolean {
    this.#fill(now)
    return this.#left >= this.#pace.burst
  }

  #fill(now: number): void {
    const { rate, burst } = this.#pace
    this.#left = Math.min(burst, this.#left + (Math.max(0, now - this.#at) / 1_000) * rate)
    this.#at = now
  }
}
