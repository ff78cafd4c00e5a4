import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../errors/index.ts'
import type { Log } from '../log/index.ts'
import type { Metrics } from './metrics.ts'

/** Whether the process does its work, and if not, why, in words. */
export interface Readiness {
  readonly ok: boolean
  readonly reasons: readonly string[]
}

export interface StatusServerOptions {
  /** Default 127.0.0.1. Port 0 takes any free one. */
  readonly listen: { readonly host?: string; readonly port: number }
  readonly registry: Metrics
  readonly ready: () => Readiness | Promise<Readiness>
  /** Further pages by path. */
  readonly pages?: Readonly<Record<string, () => Promise<Page>>>
  readonly log: Log
}

export interface StatusServer {
  readonly host: string
  /** The port in use, also when 0 was asked for. */
  readonly port: number
  readonly url: string
  /** Stops listening and cuts what is open. Idempotent. */
  close(): Promise<void>
}

/**
 * Serves `/metrics`, `/healthz` (the loop turns: always 200) and `/readyz` (200, or 503 with the reasons) over
 * plain HTTP; it tells no secret and changes nothing. Rejects with `listen.failed`.
 */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { registry, ready, log } = options
  const host = options.listen.host ?? '127.0.0.1'
  const pages: Readonly<Record<string, () => Promise<Page>>> = {
    ...options.pages,
    '/metrics': async () => ({ status: 200, type: registry.contentType, body: await registry.text() }),
    '/healthz': async () => json(200, { ok: true }),
    '/readyz': async () => {
      const readiness = await ready()
      return json(readiness.ok ? 200 : 503, { ok: readiness.ok, reasons: readiness.reasons })
    },
  }
  const server = createServer((request, response) => {
    answer(request, pages)
      .catch((error: unknown) => {
        log.error('a status page failed', { path: request.url, error })
        return json(500, { ok: false, reasons: ['this page failed; see the log'] })
      })
      .then(page => send(request, response, page))
      .catch((error: unknown) => log.debug('a status reply could not be sent', { error }))
  })
  server.requestTimeout = 10_000
  server.headersTimeout = 10_000
  server.on('clientError', (_error, socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause => {
      const message = `cannot listen on ${host}:${options.listen.port}: ${cause.message}`
      reject(new AppError('listen.failed', { message, context: { host, port: options.listen.port }, cause }))
    })
    server.listen(options.listen.port, host, resolve)
  })
  server.removeAllListeners('error')
  server.on('error', error => log.error('the status server failed', { error }))
  // An address that is listened on is an AddressInfo; only sockets by path are text
  const { port } = server.address() as AddressInfo
  if (!isLoopback(host)) log.warn('the status port can be reached from other hosts', { host, port })
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    host,
    port,
    url,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** What a path answers with; a body in blocks is sent at the reader's pace. */
export interface Page {
  readonly status: number
  readonly type: string
  readonly body: string | AsyncIterable<Uint8Array>
}

function json(status: number, value: unknown): Page {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` }
}

async function answer(
  request: IncomingMessage,
  pages: Readonly<Record<string, () => Promise<Page>>>,
): Promise<Page> {
  const [path = '/'] = (request.url ?? '/').split('?')
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined
  if (page === undefined) return json(404, { ok: false, pages: Object.keys(pages) })
  if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { ok: false })
  return page()
}

async function send(request: IncomingMessage, response: ServerResponse, page: Page): Promise<void> {
  if (typeof page.body !== 'string') {
    response.writeHead(page.status, { 'content-type': page.type, 'cache-control': 'no-store' })
    if (request.method === 'HEAD') response.end()
    else await pipeline(page.body, response)
    return
  }
  response.writeHead(page.status, {
    'content-type': page.type,
    'content-length': Buffer.byteLength(page.body),
    'cache-control': 'no-store',
  })
  response.end(request.method === 'HEAD' ? undefined : page.body)
}

/** Whether only this machine reaches the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
