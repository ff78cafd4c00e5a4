import type { Duration, Millis } from '../../shared/time/index.ts'
import type { Delivery } from './notifier.ts'

/** One POST to a channel. The URL is a secret: errors name its host alone. */
export interface Post {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** For the whole exchange. */
  readonly timeout: Duration
  readonly signal: AbortSignal
  /** Whether a refusal's body may be told: only short plain words, since anything could be in it. */
  readonly tellWord?: boolean
}

/** Sends it. Any 2xx is taken as delivered. Redirects are not followed: alerts go nowhere but where they were sent. */
export async function post({ url, headers, body, timeout, signal, tellWord }: Post): Promise<Delivery> {
  const deadline = AbortSignal.timeout(timeout)
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { ...headers, 'User-Agent': 'holdfast-coordinator' },
      body,
      signal: AbortSignal.any([deadline, signal]),
    })
    const word = tellWord === true && response.status >= 400 ? await wordOf(response) : undefined
    if (word === undefined) await response.body?.cancel().catch(() => undefined)
    return judge(response, url.host, word)
  } catch (thrown) {
    if (signal.aborted) return { kind: 'failed', error: 'interrupted', definite: false }
    if (deadline.aborted)
      return { kind: 'failed', error: `${url.host} did not answer within ${timeout} ms`, definite: false }
    const code = causeCode(thrown)
    return { kind: 'failed', error: `${url.host} cannot be reached: ${code}`, definite: isUnconnected(code) }
  }
}

/** A URL and its credentials apart: fetch refuses URLs with credentials, and says them in its message. */
export function targetOf(
  text: string,
): { readonly url: URL; readonly headers: Readonly<Record<string, string>> } | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined
  const headers: Readonly<Record<string, string>> =
    url.username === ''
      ? {}
      : { Authorization: basicAuth(decodeURIComponent(url.username), decodeURIComponent(url.password)) }
  url.username = ''
  url.password = ''
  return { url, headers }
}

export function basicAuth(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

/** Failures of connecting: not a byte of the message left. */
const unconnected = new Set([
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

/** Whether nothing of a message can have left. */
export function isUnconnected(code: string): boolean {
  return unconnected.has(code)
}

function judge(response: Response, host: string, word: string | undefined): Delivery {
  const { status } = response
  if (status >= 200 && status < 300) return { kind: 'delivered', note: `${host} answered ${status}` }
  const retryAfter =
    status === 429 || status === 503
      ? retryAfterOf(response.headers.get('retry-after'), Date.now())
      : undefined
  const redirected = status >= 300 && status < 400 ? ', which is a redirect and is not followed' : ''
  return {
    kind: 'failed',
    error: `${host} answered ${status}${word === undefined ? '' : ` ${word}`}${redirected}`,
    // Behind other 5xx the message may have been taken before something broke.
    definite: (status < 500 && status !== 408) || status === 503,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  }
}

/** `no_service`, `invalid_payload`: the one word a refusal consists of; anything longer is left unread. */
async function wordOf(response: Response): Promise<string | undefined> {
  const reader = response.body?.getReader()
  const { value } = (await reader?.read()) ?? {}
  await reader?.cancel().catch(() => undefined)
  const text = value === undefined ? '' : new TextDecoder().decode(value.subarray(0, 60)).trim()
  return /^[a-z_]{1,40}$/.test(text) ? text : undefined
}

/** `Retry-After` as seconds or as a date, in milliseconds from `now`; nonsense is as good as absent. */
export function retryAfterOf(text: string | null, now: Millis): Duration | undefined {
  if (text === null) return undefined
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1_000
  const at = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
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
