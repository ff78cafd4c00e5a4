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

/** A blocking question. */
export interface CatalogQuery {
  /** The instances of this service; absent: which services there are. */
  readonly service?: string
  /** Of instances; Consul takes any text here, while its expressions take no backquote. */
  readonly tag?: string
  /** An expression of Consul's own language that instances have to pass. */
  readonly filter?: string
  /** Default that of the agent which is asked. */
  readonly datacenter?: string
  readonly token: string | undefined
  /** Block until Consul's index is above this; 0 answers at once. */
  readonly index: bigint
  /** How long Consul may hold the question. */
  readonly wait: Duration
  /** What the way to it and back may take beyond that. */
  readonly network: Duration
  /** The question as people read it in a failure. */
  readonly name: string
}

/**
 * One blocking query of the catalog, critical instances included: a broken database still needs its backups known.
 * @throws AppError `discovery.unavailable | denied | invalid`
 */
export async function queryCatalog(
  consul: Consul,
  query: CatalogQuery,
  signal: AbortSignal,
): Promise<CatalogAnswer> {
  // The client reports the response, and lets go of a question, through an emitter handed in as `ctx`
  const context = Object.assign(new EventEmitter(), { includeResponse: true })
  const cancel = () => context.emit('cancel')
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const options = {
      ...(query.datacenter === undefined ? {} : { dc: query.datacenter }),
      ...(query.filter === undefined ? {} : { filter: query.filter }),
      ...(query.token === undefined ? {} : { token: query.token }),
      index: String(query.index),
      wait: `${Math.max(1, Math.ceil(query.wait / 1_000))}s`,
      // Consul adds up to a sixteenth by chance
      timeout: Math.ceil(query.wait * (17 / 16)) + query.network,
      ctx: context,
    }
    const { service } = consul.catalog
    const asked =
      query.service === undefined
        ? service.list(options)
        : service.nodes({
            service: query.service,
            ...(query.tag === undefined ? {} : { tag: query.tag }),
            ...options,
          })
    const [response, body] = (await asked) as unknown as [RawResponse, unknown]
    return {
      body,
      index: indexOf(response.headers['x-consul-index'], query.name),
      filtered: response.headers['x-consul-results-filtered-by-acls'] === 'true',
    }
  } catch (thrown) {
    throw toAppError(thrown, query.name)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

function indexOf(header: string | string[] | undefined, question: string): bigint {
  if (typeof header === 'string' && /^\d{1,20}$/.test(header)) return BigInt(header)
  throw new AppError('discovery.invalid', {
    message: `what answers for consul gives no index with ${question}, so it is not consul`,
    context: { question },
  })
}

/** What the client throws, by what it carries. */
function toAppError(thrown: unknown, question: string): AppError {
  if (thrown instanceof AppError) return thrown
  const error = thrown as {
    readonly message?: string
    readonly isCodec?: boolean
    readonly response?: { readonly statusCode?: number; readonly body?: unknown }
  }
  const detail = error.message ?? String(thrown)
  const options = (message: string) => ({ message, context: { question, detail }, cause: thrown })
  // An error page that calls itself JSON fails as JSON first; its status is what matters
  const status = error.response?.statusCode ?? 200
  if (status === 200 && error.isCodec === true)
    return new AppError('discovery.invalid', options(`consul gave an answer for ${question} that is no JSON`))
  if (status === 401 || status === 403)
    return new AppError('discovery.denied', options(`consul denied reading ${question} (${status})`))
  const words = said(error.response?.body)
  // a filter that is none is a 400 or a 500, by the version
  if (status !== 200 && ((status < 500 && status !== 429) || /boolean expression/i.test(words)))
    return new AppError('discovery.invalid', options(`consul answered ${status} for ${question}${words}`))
  if (status !== 200)
    return new AppError('discovery.unavailable', options(`consul answered ${status} for ${question}${words}`))
  return new AppError('discovery.unavailable', options(`consul does not answer for ${question}: ${detail}`))
}

/** What Consul says of a question it does not understand, such as a filter that is none. */
function said(body: unknown): string {
  const text = Buffer.isBuffer(body) || typeof body === 'string' ? String(body).trim().slice(0, 200) : ''
  return text === '' ? '' : `: ${text}`
}
