import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Closable } from '../../shared/lifecycle/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Duration } from '../../shared/time/index.ts'

/** A work takes at most a fifth of the time. */
const restFactor = 4
const usualRest: Duration = 2_000

/** What is done, and how often. */
export interface TickerOptions {
  /** For the log: `planning`, `the lease clock`. */
  readonly name: string
  readonly every: Duration
  readonly work: () => Promise<unknown>
  /** The longest rest after a run, 2 s when absent: for work that mostly waits for commits, and then holds up nobody. */
  readonly longestRest?: Duration
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

/**
 * Does one thing again and again: every so often and when woken, never twice at a time. After a run it rests for
 * a multiple of what the run took, so that a burst of events cannot fill the loop with one work. What it throws
 * is logged, and it goes on. Ends with its signal; `close` waits for the run under way.
 */
export class Ticker implements Closable {
  readonly #o: TickerOptions
  readonly #ending = new AbortController()
  readonly #done: Promise<void>
  #interrupt = new AbortController()
  #woken = false

  constructor(options: TickerOptions) {
    this.#o = options
    options.signal.addEventListener('abort', () => this.#end(), { once: true })
    this.#done = this.#run()
  }

  /** Runs soon: at once when idle, again after the run under way. */
  wake(): void {
    this.#woken = true
    this.#interrupt.abort()
  }

  async close(): Promise<void> {
    this.#end()
    await this.#done
  }

  #end(): void {
    this.#ending.abort()
    this.#interrupt.abort()
  }

  async #run(): Promise<void> {
    const { clock, every, longestRest = usualRest } = this.#o
    while (!this.#ending.signal.aborted && !this.#o.signal.aborted) {
      if (!this.#woken) await clock.sleep(every, this.#interrupt.signal).catch(() => undefined)
      if (this.#ending.signal.aborted) return
      this.#woken = false
      this.#interrupt = new AbortController()
      const began = clock.now().mono
      await this.#once()
      // events in a burst share the next run
      const rest = Math.min(longestRest, restFactor * (clock.now().mono - began))
      if (rest > 0) await clock.sleep(rest, this.#ending.signal).catch(() => undefined)
      else await turn()
    }
  }

  async #once(): Promise<void> {
    try {
      await this.#o.work()
    } catch (thrown) {
      const { code } = AppError.from(thrown)
      if (code === 'leader.deposed' || code === 'leader.none') return
      this.#o.log.warn(`${this.#o.name} failed; tried again`, { error: thrown })
    }
  }
}
