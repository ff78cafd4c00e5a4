import type { Duration } from '../../shared/time/index.ts'
import type { AlertEvent } from '../store/records.ts'
import type { AlertPayload } from './payload.ts'

/** One message to one channel. `body` is the payload's very bytes, the same in every retry. */
export interface Notification {
  readonly idempotencyKey: string
  readonly dedupKey: string
  readonly event: AlertEvent
  readonly body: string
  readonly payload: AlertPayload
  /** 1 is the first try. */
  readonly attempt: number
}

/** What became of a try. */
export type Delivery =
  | {
      readonly kind: 'delivered' /** What the receiver said, when that is worth knowing; no secrets. */
      readonly note?: string
    }
  | {
      readonly kind: 'failed'
      /** For people: no secrets, no URL. */
      readonly error: string
      /** The receiver surely did not take it: nothing was sent, or it said no. */
      readonly definite: boolean
      /** The receiver asks to be left alone for this long. */
      readonly retryAfter?: Duration
    }

/**
 * A channel to people. Delivers at least once: a message whose answer was lost comes again with the same
 * idempotency key. `deliver` never rejects for anything the channel does; it ends when `signal` aborts.
 */
export interface Notifier {
  readonly name: string
  /** For channels that forget what they do not hear again. */
  readonly repeat?: {
    readonly every: Duration
    send(payloads: readonly AlertPayload[], signal: AbortSignal): Promise<Delivery>
  }
  /** Whether it opens something that stays until a `resolved` comes. */
  readonly keepsIncidents?: boolean
  deliver(notification: Notification, signal: AbortSignal): Promise<Delivery>
}
