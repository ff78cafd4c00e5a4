import { EventEmitter } from 'node:events'
import type Consul from 'consul'
import { AppError } from '../errors/index.ts'
import type { Duration } from '../time/index.ts'

/** An answer to a catalog query. */
export interface CatalogAnswer {
  readonly body: unknown
  /** `X-Consul-Index`. */
  readonly index: bigint
  /** Consul (1.10 and later) says that it left out what the token may not see. */
  readonly filtered: boolean
}

/** What the client hands to us of a response, when asked to. */
interface RawResponse {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/**
 * One blocking query for the instances of a service, critical ones included: a broken database still needs
 * its backups known.
 * @param index block until Consul's index is above this; 0 answers at once
 * @param wait how long Consul may hold the question, `network` what its way here may take beyond that
 * @throws AppError `discovery.unavailable | denied | invalid`
 */
export async function queryService(
  consul: Consul,
  query: {
    readonly service: string
    readonly token: string | undefined
    readonly index: bigint
    readonly wait: Duration
    readonly network: Duration
  },
  signal: AbortSignal,
): Promise<CatalogAnswer> {
  // The client reports the response, and lets go of a question, through an emitter handed in as `ctx`
  const context = Object.assign(new EventEmitter(), { includeResponse: true })
  const cancel = () => context.emit('cancel')
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const options = {
      service: query.service,
      ...(query.token === undefined ? {} : { token: query.token }),
      index: String(query.index),
      wait: `${Math.max(1, Math.ceil(query.wait / 1_000))}s`,
      // Consul adds up to a sixteenth by chance
      timeout: Math.ceil(query.wait * (17 / 16)) + query.network,
      ctx: context,
    }
    const [response, body] = (await consul.catalog.service.nodes(options)) as unknown as [
      RawResponse,
      unknown,
    ]
    return {
      body,
      index: indexOf(response.headers['x-consul-index'], query.service),
      filtered: response.headers['x-consul-results-filtered-by-acls'] === 'true',
    }
  } catch (thrown) {
    throw toAppError(thrown, query.service)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

function indexOf(header: string | string[] | undefined, service: string): bigint {
  if (typeof header === 'string' && /^\d{1,20}$/.test(header)) return BigInt(header)
  throw new AppError('discovery.invalid', {
    message: `what answers for consul gives no index with service ${service}, so it is not consul`,
    context: { service },
  })
}

/** What the client throws, by what it carries. */
function toAppError(thrown: unknown, service: string): AppError {
  if (thrown instanceof AppError) return thrown
  const error = thrown as {
    readonly message?: string
    readonly isCodec?: boolean
    readonly response?: { readonly statusCode?: number }
  }
  const detail = error.message ?? String(thrown)
  const options = (message: string) => ({ message, context: { service, detail }, cause: thrown })
  // An error page that calls itself JSON fails as JSON first; its status is what matters
  const status = error.response?.statusCode ?? 200
  if (status === 200 && error.isCodec === true)
    return new AppError(
      'discovery.invalid',
      options(`consul gave an answer for service ${service} that is no JSON`),
    )
  if (status === 401 || status === 403)
    return new AppError('discovery.denied', options(`consul denied reading service ${service} (${status})`))
  if (status !== 200 && status < 500 && status !== 429)
    return new AppError('discovery.invalid', options(`consul answered ${status} for service ${service}`))
  const reason = status === 200 ? 'does not answer' : `answered ${status}`
  return new AppError('discovery.unavailable', options(`consul ${reason} for service ${service}: ${detail}`))
}
