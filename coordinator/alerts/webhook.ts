import { AppError } from '../../shared/errors/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { Delivery, Notification, Notifier } from './notifier.ts'

/** How to reach a webhook. The URL is a secret: many carry a token in path or query. */
export interface WebhookOptions {
  readonly name: string
  readonly url: string
  /** Further headers, such as `Authorization`; secrets. */
  readonly headers?: Readonly<Record<string, string>>
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
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new AppError('config.invalid', {
      message: `the URL of webhook ${options.name} is not an http or https URL`,
      context: { channel: options.name },
    })
  // fetch refuses URLs with credentials, and says them in its message.
  const credentials = url.username === '' ? undefined : basicAuth(url)
  url.username = ''
  url.password = ''
  const headers = {
    ...(credentials === undefined ? {} : { Authorization: credentials }),
    ...options.headers,
    'Content-Type': 'application/json; charset=utf-8',
    'User-Agent': 'holdfast-coordinator',
  }
  return {
    name: options.name,
    deliver: (notification, signal) => post(url, headers, notification, options.timeout ?? 10_000, signal),
  }
}

async function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  notification: Notification,
  timeout: Duration,
  signal: AbortSignal,
): Promise<Delivery> {
  const deadline = AbortSignal.timeout(timeout)
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        ...headers,
        'Idempotency-Key': notification.idempotencyKey,
        'Holdfast-Event': notification.event,
        'Holdfast-Attempt': String(notification.attempt),
      },
      body: notification.body,
      signal: AbortSignal.any([deadline, signal]),
    })
    await response.body?.cancel()
    return judge(response, url.host)
  } catch (thrown) {
    if (signal.aborted) return { kind: 'failed', error: 'interrupted', definite: false }
    if (deadline.aborted)
      return { kind: 'failed', error: `${url.host} did not answer within ${timeout} ms`, definite: false }
    const code = causeCode(thrown)
    return {
      kind: 'failed',
      error: `${url.host} cannot be reached: ${code}`,
      definite: neverConnected.has(code),
    }
  }
}

/** Failures of connecting: not a byte of the message left. */
const neverConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

function judge(response: Response, host: string): Delivery {
  const { status } = response
  if (status >= 200 && status < 300) return { kind: 'delivered' }
  const retryAfter =
    status === 429 || status === 503
      ? retryAfterOf(response.headers.get('retry-after'), Date.now())
      : undefined
  const redirected = status >= 300 && status < 400 ? ', which is a redirect and is not followed' : ''
  return {
    kind: 'failed',
    error: `${host} answered ${status}${redirected}`,
    // Behind other 5xx the message may have been taken before something broke.
    definite: (status < 500 && status !== 408) || status === 503,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  }
}

/** `Retry-After` as seconds or as a date, in milliseconds from `now`; nonsense is as good as absent. */
export function retryAfterOf(text: string | null, now: Millis): Duration | undefined {
  if (text === null) return undefined
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1_000
  const at = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

function basicAuth(url: URL): string {
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

/** The code behind fetch's "fetch failed"; its message may hold the URL and is left out. */
function causeCode(thrown: unknown): string {
  for (let error: unknown = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof AggregateError && error.errors[0] instanceof Error) {
      const inner = causeCode(error.errors[0])
      if (inner !== 'failed') return inner
    }
    const { code } = error as { code?: unknown }
    if (typeof code === 'string') return code
  }
  return 'failed'
}
