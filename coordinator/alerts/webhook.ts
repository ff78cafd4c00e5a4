import { createHmac } from 'node:crypto'
import { AppError } from '../../shared/errors/index.ts'
import type { Duration } from '../../shared/time/index.ts'
import { post, targetOf } from './http.ts'
import type { Notifier } from './notifier.ts'

/** How to reach a webhook. The URL is a secret: many carry a token in path or query. */
export interface WebhookOptions {
  readonly name: string
  readonly url: string
  /** Further headers, such as `Authorization`; secrets. */
  readonly headers?: Readonly<Record<string, string>>
  /** Signs time and body, so that the receiver knows who sent it and that it is fresh. */
  readonly secret?: string
  /** Seconds since the epoch, for the signature; default the machine's clock. */
  readonly seconds?: () => number
  /** For the whole exchange; default 10 s. */
  readonly timeout?: Duration
}

/**
 * A generic webhook: POST of the alert as JSON (docs/reference/webhook.md). Any 2xx is taken as delivered. Redirects
 * are not followed: alerts name hosts and databases, and go nowhere but where they were sent. Neither errors nor
 * logs name more of the URL than its host.
 *
 * @throws AppError `config.invalid` when the URL is none of http or https
 */
export function createWebhook(options: WebhookOptions): Notifier {
  const { name, secret, seconds = () => Math.floor(Date.now() / 1_000) } = options
  const target = targetOf(options.url)
  if (target === undefined) throw noUrl('webhook', name)
  return {
    name,
    deliver: (notification, signal) =>
      post({
        url: target.url,
        headers: {
          ...target.headers,
          ...options.headers,
          'Content-Type': 'application/json; charset=utf-8',
          'Idempotency-Key': notification.idempotencyKey,
          'Holdfast-Event': notification.event,
          'Holdfast-Attempt': String(notification.attempt),
          ...(secret === undefined
            ? {}
            : { 'Holdfast-Signature': signature(secret, seconds(), notification.body) }),
        },
        body: notification.body,
        timeout: options.timeout ?? 10_000,
        signal,
      }),
  }
}

/** `t=<seconds>,v1=<hex>`: HMAC-SHA256 by the secret over `<seconds>.<body>`. */
export function signature(secret: string, seconds: number, body: string): string {
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  return `t=${seconds},v1=${mac}`
}

/** A URL that is none is refused without being repeated. */
export function noUrl(kind: string, name: string): AppError {
  return new AppError('config.invalid', {
    message: `the URL of ${kind} ${name} is not an http or https URL`,
    context: { channel: name },
  })
}
