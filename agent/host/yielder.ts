import type { Clock } from '../../shared/clock/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { Throttle } from '../pipeline/throttle.ts'
import type { HostReading } from './host-watch.ts'
import { notYielding, type PressureLimits, rateAt, type Yielding, yieldingAfter } from './yielding.ts'

/**
 * Stands back while the host is under pressure (P6): slows what this agent stores and lets no further stream begin.
 * What runs goes on: its snapshot is held already, and ending it would be the load of beginning it again.
 */
export class Yielder {
  readonly #throttle: Throttle
  readonly #limits: PressureLimits
  readonly #clock: Clock
  readonly #log: Log
  /** The agent's own rate when it stands back for nothing. */
  readonly #most: number | undefined
  #now: Yielding = notYielding
  #since: Millis = 0
  #past: Duration = 0
  #seen: { readonly at: Millis; readonly passed: number }
  #usual = 0
  #freed = Promise.withResolvers<void>()

  constructor(options: {
    readonly throttle: Throttle
    readonly limits: PressureLimits
    readonly clock: Clock
    readonly log: Log
  }) {
    this.#throttle = options.throttle
    this.#limits = options.limits
    this.#clock = options.clock
    this.#log = options.log
    this.#most = options.throttle.rate
    this.#seen = { at: options.clock.now().mono, passed: options.throttle.passed }
  }

  /** How far it stands back. */
  get now(): Yielding {
    return this.#now
  }

  /** How long it has stood back in all, ms; an attempt asks at its start and at its end. */
  get yieldedMs(): Duration {
    return this.#past + (this.#now.level === 0 ? 0 : this.#clock.now().mono - this.#since)
  }

  /** Nothing when a further stream may begin beside others, else a promise until it may. */
  room(): Promise<void> | undefined {
    return this.#now.level === 0 ? undefined : this.#freed.promise
  }

  /** Takes a look at the host into account. */
  look(reading: HostReading): void {
    const { mono } = this.#clock.now()
    const { passed } = this.#throttle
    const elapsed = mono - this.#seen.at
    const rate = elapsed > 0 ? ((passed - this.#seen.passed) * 1_000) / elapsed : 0
    this.#seen = { at: mono, passed }
    const before = this.#now
    const now = yieldingAfter(before, reading, this.#limits)
    this.#now = now
    if (now.level === before.level) return
    if (before.level === 0) {
      this.#since = mono
      // what it did when pressure came is what is halved; without any there is nothing to halve but the floor
      this.#usual = Math.max(rate, 2 * this.#limits.floor)
      this.#freed = Promise.withResolvers<void>()
      this.#log.warn('the host is under pressure; this agent stands back', { why: now.why })
    }
    this.#throttle.rate = rateAt(now.level, this.#usual, this.#most, this.#limits.floor)
    if (now.level > 0) return
    this.#past += mono - this.#since
    this.#freed.resolve()
    this.#log.info('the pressure is gone; this agent works as usual', { after_ms: mono - this.#since })
  }
}
