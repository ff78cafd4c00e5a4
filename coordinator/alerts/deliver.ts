import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Closable } from '../../shared/lifecycle/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { retryDelay } from '../jobs/retry.ts'
import type { Store } from '../store/port.ts'
import type { OutboxRecord } from '../store/records.ts'
import { claimed, errorText, mayHaveArrived } from './arrival.ts'
import type { Delivery, Notifier } from './notifier.ts'
import type { AlertPayload } from './payload.ts'

/** Counts of deliveries, by channel. */
export interface DeliveryMetrics {
  delivered(channel: string): void
  failed(channel: string): void
  dead(channel: string): void
}

export interface DeliveryOptions {
  readonly store: Pick<Store, 'write' | 'read'>
  /** By channel name. */
  readonly notifiers: ReadonlyMap<string, Notifier>
  readonly clock: Clock
  readonly log: Log
  readonly metrics?: DeliveryMetrics
  /** A look at the outbox without being woken; default 5 s. */
  readonly pollEvery?: Duration
  /** Tries before a message is given up and shown as dead; default 20, about four hours. */
  readonly maxAttempts?: number
  /** First wait after a failure, doubled each time; default 5 s. */
  readonly baseDelay?: Duration
  /** Longest wait, also of a `Retry-After`; default 15 min. */
  readonly maxDelay?: Duration
  /** A claim that nobody finished (we died) is taken up again after this; must outlast a channel's time-out; default 60 s. */
  readonly claimFor?: Duration
  /** Messages under way at a time on one channel: one that hangs holds up no other; default 4. */
  readonly perChannel?: number
  /** Messages under way at a time; default as many as all channels may have. */
  readonly parallel?: number
  /** At close, how long what is under way may still take; default 5 s. */
  readonly grace?: Duration
}

/** The outbox loop. `close` delivers what is due within the grace, then ends it. */
export interface Delivering extends Closable {
  /** Something was put into the outbox: call it after the commit. */
  wake(): void
  close(): Promise<void>
}

/**
 * Delivers the outbox while this coordinator leads: at least once, the same idempotency key each time, in order
 * for each (dedup key, channel), since the store shows only the oldest undelivered message of each. Every claim
 * and every outcome is a fenced write: a deposed leader claims nothing, hence sends nothing.
 */
export function startDelivery(options: DeliveryOptions): Delivering {
  const loop = new DeliveryLoop(options)
  const done = loop.run()
  return {
    wake: () => loop.wake(),
    close: async () => {
      loop.stop()
      await done
    },
  }
}

class DeliveryLoop {
  readonly #o: Required<Omit<DeliveryOptions, 'metrics'>>
  readonly #metrics: DeliveryMetrics | undefined
  readonly #underway = new Map<string, Promise<void>>()
  /** The channel of each message under way. */
  readonly #channels = new Map<string, string>()
  readonly #ending = new AbortController()
  #stopping = false
  #woken = false
  #interrupt = new AbortController()
  /** When messages are tried again, by key, so that short waits are not rounded up to a poll. */
  readonly #retries = new Map<string, Millis>()
  /** Whether the last pass failed: said once, not at every poll. */
  #ailing = false

  constructor(options: DeliveryOptions) {
    const { metrics, ...rest } = options
    this.#metrics = metrics
    this.#o = {
      pollEvery: 5_000,
      maxAttempts: 20,
      baseDelay: 5_000,
      maxDelay: 900_000,
      claimFor: 60_000,
      perChannel: 4,
      parallel: (options.perChannel ?? 4) * (options.notifiers.size + 1),
      grace: 5_000,
      ...rest,
    }
  }

  wake(): void {
    this.#woken = true
    this.#interrupt.abort()
  }

  stop(): void {
    this.#stopping = true
    this.#interrupt.abort()
  }

  async run(): Promise<void> {
    while (!this.#stopping) {
      await this.#pass()
      await this.#rest()
    }
    await this.#finish()
  }

  /** Takes what is due, as far as there are hands free. */
  async #pass(): Promise<void> {
    this.#woken = false
    try {
      while (this.#underway.size < this.#o.parallel) {
        const now = this.#o.clock.now().wall
        for (const [key, at] of this.#retries) if (at <= now) this.#retries.delete(key)
        // Those under way are claimed, hence not due: whatever is shown is free to take.
        const busy = new Map<string, number>()
        for (const channel of this.#channels.values()) busy.set(channel, (busy.get(channel) ?? 0) + 1)
        const full = [...busy].filter(([, count]) => count >= this.#o.perChannel).map(([channel]) => channel)
        const due = await this.#o.store.read.outboxDue(now, this.#o.parallel - this.#underway.size, full)
        const free = due.filter(message => {
          const count = busy.get(message.channel) ?? 0
          if (count >= this.#o.perChannel || this.#underway.has(keyOf(message))) return false
          busy.set(message.channel, count + 1)
          return true
        })
        const mine = await this.#claim(free, now)
        for (const message of mine) this.#begin(message)
        if (mine.length === 0) break
      }
      this.#ailing = false
    } catch (thrown) {
      const error = AppError.from(thrown)
      if (!this.#ailing) this.#o.log.warn('alerts cannot be delivered now', { error })
      this.#ailing = true
    }
  }

  /** Writes down that these are about to be sent; what was cancelled meanwhile is left alone. */
  async #claim(due: readonly OutboxRecord[], now: Millis): Promise<readonly OutboxRecord[]> {
    if (due.length === 0) return []
    return this.#o.store.write('outbox.claim', async tx => {
      const mine: OutboxRecord[] = []
      for (const message of due) {
        if (message.event === 'opened') {
          const standing = await tx.outbox.pendingOpened(message.alertId, message.channel)
          if (standing?.id !== message.id) continue
        }
        await tx.outbox.put(claimed(message, now + this.#o.claimFor))
        mine.push(message)
      }
      return mine
    })
  }

  #begin(message: OutboxRecord): void {
    const key = keyOf(message)
    const work = this.#deliver(message)
      .catch(thrown => {
        // The outcome is lost: the claim runs out and the message is sent again with the same key.
        this.#o.log.warn('the outcome of an alert could not be written', {
          channel: message.channel,
          alert_id: message.alertId,
          error: thrown,
        })
      })
      .finally(() => {
        this.#underway.delete(key)
        this.#channels.delete(key)
        this.wake()
      })
    this.#underway.set(key, work)
    this.#channels.set(key, message.channel)
  }

  /** @param before the message as it was before it was claimed */
  async #deliver(before: OutboxRecord): Promise<void> {
    const attempt = before.attempts + 1
    const notifier = this.#o.notifiers.get(before.channel)
    const delivery: Delivery =
      notifier === undefined
        ? { kind: 'failed', error: 'no such channel is configured', definite: true }
        : await this.#send(notifier, before, attempt)
    const now = this.#o.clock.now().wall
    const after = this.#outcome(before, attempt, delivery, notifier === undefined, now)
    await this.#o.store.write('outbox.result', tx => tx.outbox.put(after))
    this.#tell(before, after, delivery)
    if (after.state === 'pending') this.#retries.set(keyOf(before), after.nextAttemptAt)
  }

  async #send(notifier: Notifier, message: OutboxRecord, attempt: number): Promise<Delivery> {
    try {
      return await notifier.deliver(
        {
          idempotencyKey: message.idempotencyKey,
          dedupKey: message.dedupKey,
          event: message.event,
          body: message.payload,
          payload: JSON.parse(message.payload) as AlertPayload,
          attempt,
        },
        this.#ending.signal,
      )
    } catch (thrown) {
      this.#o.log.error('a channel threw', { channel: message.channel, error: thrown })
      return { kind: 'failed', error: 'the channel failed inside Holdfast', definite: false }
    }
  }

  #outcome(
    before: OutboxRecord,
    attempts: number,
    delivery: Delivery,
    hopeless: boolean,
    now: Millis,
  ): OutboxRecord {
    if (delivery.kind === 'delivered') {
      const { lastError: _, ...rest } = before
      return { ...rest, attempts, state: 'delivered', nextAttemptAt: now }
    }
    const rule = {
      maxAttempts: this.#o.maxAttempts,
      baseDelay: this.#o.baseDelay,
      maxDelay: this.#o.maxDelay,
    }
    const wait = Math.max(
      retryDelay(rule, before.idempotencyKey + before.channel, attempts),
      Math.min(delivery.retryAfter ?? 0, this.#o.maxDelay),
    )
    return {
      ...before,
      attempts,
      state: hopeless || attempts >= this.#o.maxAttempts ? 'dead' : 'pending',
      nextAttemptAt: now + wait,
      lastError: errorText(delivery.error, delivery.definite && !mayHaveArrived(before)),
    }
  }

  #tell(message: OutboxRecord, after: OutboxRecord, delivery: Delivery): void {
    const { channel } = message
    const fields = { channel, alert_id: message.alertId, event: message.event, attempt: after.attempts }
    if (delivery.kind === 'delivered') {
      this.#metrics?.delivered(channel)
      this.#o.log.debug('alert delivered', fields)
      return
    }
    this.#metrics?.failed(channel)
    const more = { ...fields, reason: delivery.error }
    if (after.state === 'dead') {
      this.#metrics?.dead(channel)
      this.#o.log.error('alert given up: nobody was told', more)
    } else this.#o.log.warn('alert not delivered, tried again', more)
  }

  /** Waits for a wake, the next retry or the next poll. */
  async #rest(): Promise<void> {
    this.#interrupt = new AbortController()
    if (this.#woken || this.#stopping) return
    const untilRetry = Math.min(...this.#retries.values()) - this.#o.clock.now().wall
    const wait = Math.max(1, Math.min(this.#o.pollEvery, untilRetry))
    await this.#o.clock.sleep(wait, this.#interrupt.signal).catch(() => undefined)
  }

  /** Closing: one more pass for what is due, the grace for what is under way, then its end. */
  async #finish(): Promise<void> {
    await this.#pass()
    const timer = new AbortController()
    const all = Promise.all(this.#underway.values())
    const late = this.#o.clock.sleep(this.#o.grace, timer.signal).then(
      () => this.#ending.abort(),
      () => undefined,
    )
    await Promise.race([all, late])
    await all
    timer.abort()
    await late
  }
}

function keyOf(message: OutboxRecord): string {
  return JSON.stringify([message.dedupKey, message.channel])
}
