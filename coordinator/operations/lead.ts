import type { Clock } from '../../shared/clock/index.ts'
import type { Closable } from '../../shared/lifecycle/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { Leadership } from '../store/port.ts'

/** What happens while this process leads. `close` is called after the term's signal was aborted. */
export interface LedTerm extends Closable {
  close(): Promise<void>
}

export interface LeadOptions {
  readonly leadership: Leadership
  readonly clock: Clock
  readonly log: Log
  /** Name of this process in the leader row. */
  readonly holder: string
  readonly times: {
    readonly leaderStale: Duration
    readonly leaderRenew: Duration
    readonly leaderMargin: Duration
  }
  /** Begins a term: loads memory, starts loops. Rejects when that fails; then it is tried again. */
  readonly begin: (reign: Reign) => Promise<LedTerm>
}

/** One time as leader. */
export interface Reign {
  readonly number: number
  /** Aborted before anything else when the time is over. */
  readonly signal: AbortSignal
  /** Whether this process may still speak: false, and the signal aborted, once its last renewal is too old. */
  readonly leads: () => boolean
  /** Ends it from inside: the store was lost, memory cannot be trusted. Leadership is sought again. */
  readonly end: (why: string) => void
}

/**
 * Seeks leadership, renews it, and ends every term on time. The decision to step down is this process's own, by
 * its monotonic clock (facts A4): once the last renewal is older than stale − margin, somebody else may lead, so
 * the term ends *before* anything else is done. A renewal counts from when it was asked, not from its answer.
 */
export class Lead implements Closable {
  readonly #o: LeadOptions
  readonly #stopping = new AbortController()
  readonly #done: Promise<void>
  #reign: AbortController | undefined
  #renewedAt: Millis = 0

  constructor(options: LeadOptions) {
    this.#o = options
    this.#done = this.#run()
  }

  /** Ends the term under way and seeks no other. The leader row is given back by the store's close. */
  async close(): Promise<void> {
    this.#stopping.abort()
    this.#reign?.abort()
    await this.#done
  }

  async #run(): Promise<void> {
    const { leadership, clock, log, holder, times } = this.#o
    let failing = false
    while (!this.#stopping.signal.aborted) {
      try {
        this.#renewedAt = clock.now().mono
        const number = await leadership.tryAcquire(holder, times.leaderStale)
        failing = false
        if (number !== undefined && !this.#stopping.signal.aborted) await this.#reignIn(number)
      } catch (error) {
        if (!failing) log.warn('leadership cannot be had', { error })
        failing = true
      }
      await this.#pause()
    }
  }

  async #reignIn(number: number): Promise<void> {
    const { clock, log, times, begin } = this.#o
    const reign = new AbortController()
    this.#reign = reign
    const over = (why: string) => {
      if (reign.signal.aborted) return
      reign.abort(new Error(why))
      log.warn('the term is over', { term: number, why })
    }
    const leads = (): boolean => {
      if (reign.signal.aborted) return false
      const age = clock.now().mono - this.#renewedAt
      if (age <= times.leaderStale - times.leaderMargin) return true
      over(`not renewed for ${age} ms`)
      return false
    }
    // a timer of its own: a renewal that hangs must not keep us in office
    const watch = setInterval(leads, Math.max(20, Math.floor(times.leaderMargin / 4)))
    const renewing = this.#renew(reign.signal, leads, over)
    let term: LedTerm | undefined
    try {
      term = await begin({ number, signal: reign.signal, leads, end: over })
      if (!reign.signal.aborted) {
        log.info('leading', { term: number })
        await new Promise<void>(resolve =>
          reign.signal.addEventListener('abort', () => resolve(), { once: true }),
        )
      }
    } catch (error) {
      if (!reign.signal.aborted) log.warn('a term could not begin', { term: number, error })
    } finally {
      reign.abort()
      clearInterval(watch)
      await renewing
      await term?.close()
      this.#reign = undefined
    }
  }

  async #renew(signal: AbortSignal, leads: () => boolean, over: (why: string) => void): Promise<void> {
    const { leadership, clock, log, times } = this.#o
    while (!signal.aborted) {
      await clock.sleep(times.leaderRenew, signal).catch(() => undefined)
      if (signal.aborted || !leads()) return
      const asked = clock.now().mono
      try {
        const renewed = await Promise.race([leadership.renew(), ended(signal)])
        if (renewed === 'ended') return
        if (renewed) this.#renewedAt = asked
        else over('another coordinator leads')
      } catch (error) {
        log.warn('leadership could not be renewed', { error })
      }
    }
  }

  async #pause(): Promise<void> {
    await this.#o.clock.sleep(this.#o.times.leaderRenew, this.#stopping.signal).catch(() => undefined)
  }
}

/** A renewal that never answers must not hold up the end of the term. */
function ended(signal: AbortSignal): Promise<'ended'> {
  return new Promise(resolve => {
    if (signal.aborted) resolve('ended')
    else signal.addEventListener('abort', () => resolve('ended'), { once: true })
  })
}
