import type { Millis } from '../../shared/time/index.ts'
import type { WriteTx } from '../store/port.ts'
import type { AlertEvent, AlertRecord } from '../store/records.ts'
import { mayHaveArrived } from './arrival.ts'
import { payloadOf } from './payload.ts'
import type { Family } from './rules/tell.ts'

/** A message to be put into the outbox. */
export interface Told {
  readonly event: AlertEvent
  readonly alert: AlertRecord
  /** The event's own words. */
  readonly summary: string
  readonly channel: string
  readonly now: Millis
  readonly family?: Family
}

/**
 * Puts a message into the outbox. The key is the event's, the same in every retry and after every restart; a
 * receiver drops what it has seen. Reminders do not pile up before a channel that takes nothing.
 */
export async function enqueue(tx: WriteTx, told: Told): Promise<void> {
  const { event, alert, summary, channel, now, family } = told
  if (event === 'reminder' || event === 'updated')
    for (const waiting of await tx.outbox.pendingOf(alert.id))
      if (waiting.channel === channel && (waiting.event === 'reminder' || waiting.event === 'updated'))
        if (!mayHaveArrived(waiting)) await tx.outbox.put({ ...waiting, state: 'cancelled' })
  const again = event === 'updated' || event === 'reminder' ? `.${alert.tellings ?? 0}` : ''
  await tx.outbox.enqueue({
    alertId: alert.id,
    dedupKey: alert.dedupKey,
    channel,
    event,
    idempotencyKey: `${alert.id}.${event}${again}`,
    payload: payloadOf(event, alert, summary, family),
    createdAt: now,
    nextAttemptAt: now,
  })
}

/**
 * Takes back what surely never left of an alert that is over; false when its `opened` was among it: then nobody
 * on that channel ever heard of it, and need not hear of its end.
 */
export async function withdraw(tx: WriteTx, alert: AlertRecord, channel: string): Promise<boolean> {
  let heardOf = true
  for (const message of await tx.outbox.pendingOf(alert.id)) {
    if (message.channel !== channel || mayHaveArrived(message)) continue
    await tx.outbox.put({ ...message, state: 'cancelled' })
    if (message.event === 'opened') heardOf = false
  }
  return heardOf
}
