import {
  type AlertBook,
  type AlertFact,
  type AlertPayload,
  type AlertRules,
  recordContext,
  recordFact,
  reviewAlerts,
} from '../../../coordinator/alerts/index.ts'
import type { Store } from '../../../coordinator/store/index.ts'
import { idFrom } from '../../../shared/model/identifiers.ts'

export const minute = 60_000
export const hour = 60 * minute
export const day = 24 * hour

/** One message as somebody got it. */
export interface Received {
  readonly at: number
  readonly channel: string
  readonly payload: AlertPayload
}

/**
 * Plays facts through the rules, the store and the outbox on a clock that the test moves. Delivery is at once and
 * in order, but for channels that are down.
 */
export class Playback {
  readonly received: Received[] = []
  readonly down = new Set<string>()
  now: number
  #ids = 0
  #facts: AlertFact[] = []
  readonly #store: Store
  readonly #deps: Parameters<typeof reviewAlerts>[0]

  constructor(store: Store, book: AlertBook, rules: AlertRules, from: number) {
    this.#store = store
    this.now = from
    this.#deps = {
      book,
      rules,
      newAlertId: () =>
        idFrom('alert', `01890000-0000-7000-8000-${(++this.#ids).toString(16).padStart(12, '0')}`),
      write: (label, step) => store.write(label, step),
    }
  }

  get book(): AlertBook {
    return this.#deps.book
  }

  /** A fact of this moment. */
  tell(fact: AlertFact): void {
    this.#facts.push(fact)
  }

  /** Somebody looks after an open alert. */
  async ack(dedupKey: string): Promise<void> {
    const alert = this.book.get(dedupKey)
    if (alert === undefined) throw new Error(`${dedupKey} is not open`)
    const { lookAt: _, ...rest } = alert
    const acked = { ...rest, ack: { by: 'operator:dba', at: this.now, reason: 'looking' } }
    await this.#store.write('ack', tx => tx.alerts.put(acked))
    this.book.set(acked)
  }

  /** What the writer and the review of this moment do, then the delivery. */
  async step(to: number): Promise<void> {
    this.now = to
    const facts = this.#facts
    this.#facts = []
    if (facts.length > 0)
      await this.#store.write('facts', async tx => {
        const context = recordContext(this.#deps, to)
        for (const fact of facts) await recordFact(tx, fact, to, context)
      })
    await reviewAlerts(this.#deps, to)
    await this.#deliver()
  }

  async #deliver(): Promise<void> {
    for (;;) {
      const due = (await this.#store.read.outboxDue(this.now, 1_000)).filter(
        message => !this.down.has(message.channel),
      )
      if (due.length === 0) return
      await this.#store.write('delivered', async tx => {
        for (const message of due) {
          this.received.push({
            at: this.now,
            channel: message.channel,
            payload: JSON.parse(message.payload) as AlertPayload,
          })
          await tx.outbox.put({ ...message, attempts: 1, state: 'delivered' })
        }
      })
    }
  }
}
