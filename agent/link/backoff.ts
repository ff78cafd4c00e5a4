import type { Duration } from '../../shared/time/index.ts'

/** How long to wait before dialling again. */
export interface BackoffOptions {
  readonly first: Duration
  readonly longest: Duration
  /** In [0, 1); `Math.random` outside tests. */
  readonly random: () => number
}

/**
 * Decorrelated jitter: each wait lies between `first` and three times the former one, at most `longest`, so
 * that a fleet whose coordinator restarts does not come back in step.
 */
export class Backoff {
  readonly #options: BackoffOptions
  #former: Duration

  constructor(options: BackoffOptions) {
    this.#options = options
    this.#former = options.first
  }

  /** The next wait, ms. */
  next(): Duration {
    const { first, longest, random } = this.#options
    const upper = Math.min(longest, this.#former * 3)
    this.#former = Math.round(first + random() * (upper - first))
    return this.#former
  }

  /** The coordinator served for long enough to be trusted again. */
  reset(): void {
    this.#former = this.#options.first
  }
}
