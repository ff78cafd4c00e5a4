import { z } from 'zod'
import { type Clock, systemClock } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'
import type { Duration } from '../time/index.ts'
import { backOff } from './back-off.ts'
import { ConsulLine, type ConsulTls } from './consul-line.ts'

export interface ConsulKeyOptions {
  /** `http://127.0.0.1:8500`, without path. */
  readonly address: string
  /** Such as `holdfast/policies`. */
  readonly key: string
  /** Default that of the agent at `address`. */
  readonly datacenter?: string
  readonly tls?: ConsulTls
  /** The ACL token, read anew for every question. Default none. */
  readonly token?: () => Promise<string | undefined>
  readonly times?: Partial<ConsulKeyTimes>
  readonly clock?: Clock
  /** A number in [0, 1) for the jitter. */
  readonly dice?: () => number
}

export interface ConsulKeyTimes {
  /** How long Consul may hold a question that has no news. */
  readonly wait: Duration
  /** What the network may take beyond `wait` before a question counts as lost. */
  readonly network: Duration
  /** Between two questions, also while the key is not there. */
  readonly pause: Duration
  readonly retryFirst: Duration
  readonly retryMost: Duration
}

/** What a key holds. Only `missing` says that it is not there; a Consul in trouble says nothing. */
export type ConsulKeyView =
  | { readonly kind: 'value'; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failing'; readonly error: AppError }

const usualTimes: ConsulKeyTimes = {
  wait: 60_000,
  network: 5_000,
  pause: 1_000,
  retryFirst: 1_000,
  retryMost: 60_000,
}

const answerSchema = z
  .array(z.object({ Value: z.string().nullable(), ModifyIndex: z.int().nonnegative() }))
  .length(1)

/**
 * Follows one key of Consul's KV store by blocking queries until aborted; resolves then. The value is asked for with
 * its own index: a Consul that was restored, and counts from the beginning again, is heard after `wait` at most.
 */
export async function watchConsulKey(
  options: ConsulKeyOptions,
  onView: (view: ConsulKeyView) => void,
  signal: AbortSignal,
): Promise<void> {
  const clock = options.clock ?? systemClock
  const dice = options.dice ?? Math.random
  const times = { ...usualTimes, ...options.times }
  const line = new ConsulLine(new URL(options.address), options.tls, clock)
  let index = 0
  let failures = 0
  try {
    while (!signal.aborted) {
      let rest = times.pause
      try {
        const token = await options.token?.()
        const connection = await line.connection()
        const path = pathOf(options, index, times.wait)
        // Consul adds up to a sixteenth by chance
        const patience = Math.ceil(times.wait * (17 / 16)) + times.network
        const asked = { token, signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]) }
        const { view, index: seen } = read(await connection.ask(path, asked), options.key)
        index = seen
        failures = 0
        onView(view)
      } catch (thrown) {
        if (signal.aborted) return
        index = 0
        failures++
        onView({ kind: 'failing', error: asDiscoveryError(thrown, options.key) })
        rest = backOff(failures, times.retryFirst, times.retryMost, dice())
      }
      await clock.sleep(rest, signal).catch(() => undefined)
    }
  } finally {
    line.destroy()
  }
}

function pathOf({ key, datacenter }: ConsulKeyOptions, index: number, wait: Duration): string {
  const path = key.split('/').map(encodeURIComponent).join('/')
  const query = new URLSearchParams({
    ...(datacenter === undefined ? {} : { dc: datacenter }),
    ...(index === 0 ? {} : { index: String(index), wait: `${Math.max(1, Math.ceil(wait / 1_000))}s` }),
  })
  return `/v1/kv/${path}${query.size === 0 ? '' : `?${query}`}`
}

function read(
  { status, text }: { readonly status: number; readonly text: string },
  key: string,
): { readonly view: ConsulKeyView; readonly index: number } {
  const context = { key, status }
  // Consul's own 404 has no body: a page that says more comes from something in between
  if (status === 404 && text.trim() === '') return { view: { kind: 'missing' }, index: 0 }
  if (status === 401 || status === 403)
    throw new AppError('discovery.denied', {
      message: `consul denied reading key ${key} (${status})`,
      hint: `Give the coordinator a token with key:read on ${key}.`,
      context,
    })
  if (status !== 200)
    throw new AppError('discovery.unavailable', {
      message: `consul answered ${status} for key ${key}`,
      context,
    })
  let answer: z.infer<typeof answerSchema>
  try {
    answer = answerSchema.parse(JSON.parse(text))
  } catch (thrown) {
    throw new AppError('discovery.invalid', {
      message: `consul gave an answer for key ${key} that makes no sense`,
      context,
      cause: thrown,
    })
  }
  const [{ Value = null, ModifyIndex = 0 } = {}] = answer
  return {
    view: { kind: 'value', text: Buffer.from(Value ?? '', 'base64').toString('utf8') },
    index: ModifyIndex,
  }
}

/** A secret that cannot be read keeps its own code; the network's errors become "unavailable". */
function asDiscoveryError(thrown: unknown, key: string): AppError {
  if (thrown instanceof AppError) return thrown
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  return new AppError('discovery.unavailable', {
    message: `consul does not answer for key ${key}: ${detail}`,
    context: { key, detail },
    cause: thrown,
  })
}
