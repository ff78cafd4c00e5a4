import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

import { waitUntil } from './wait-until.ts'

/** One request that came in. */
export interface WebhookRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The body parsed as JSON. */
  json(): unknown
  /** Status it was answered with, or that its connection was dropped. */
  readonly answered: number | 'dropped'
}

/** How the sink answers when no fault is due. */
export interface WebhookReply {
  readonly status?: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A real HTTP listener on 127.0.0.1 that records what it gets. Faults are used up in the order in which they were set. */
export interface WebhookSink extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly requests: readonly WebhookRequest[]
  /** Requests that were answered with a status below 300. */
  readonly accepted: readonly WebhookRequest[]
  respond(reply: WebhookReply): void
  /** The next requests (one) get this status. */
  refuse(status: number, times?: number): void
  /** The next requests (one) are read, recorded, and their connection reset. */
  drop(times?: number): void
  /** The next requests (one) are answered after this many milliseconds. */
  delay(ms: number, times?: number): void
  /** Waits until that many requests have come, and returns all so far. */
  received(count: number, options?: { timeout?: number }): Promise<readonly WebhookRequest[]>
  stop(): Promise<void>
}

type Fault = { kind: 'refuse'; status: number } | { kind: 'drop' } | { kind: 'delay'; ms: number }

/** Starts a listener for webhooks. */
export async function webhookSink(): Promise<WebhookSink> {
  const requests: WebhookRequest[] = []
  const faults: Fault[] = []
  let usual: WebhookReply = {}
  const stopping = new AbortController()

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    const fault = faults.shift()
    const body = Buffer.concat(chunks).toString()
    const status = fault?.kind === 'refuse' ? fault.status : (usual.status ?? 200)
    if (fault?.kind === 'delay')
      await pause(fault.ms, undefined, { signal: stopping.signal }).catch(() => undefined)
    requests.push({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
      json: () => JSON.parse(body),
      answered: fault?.kind === 'drop' ? 'dropped' : status,
    })
    if (fault?.kind === 'drop') request.socket.resetAndDestroy()
    else response.writeHead(status, usual.headers).end(fault?.kind === 'refuse' ? '' : (usual.body ?? ''))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const add = (fault: Fault, times: number) => {
    for (let i = 0; i < times; i++) faults.push(fault)
  }
  const stop = async () => {
    stopping.abort()
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    requests,
    get accepted() {
      return requests.filter(({ answered }) => typeof answered === 'number' && answered < 300)
    },
    respond: reply => {
      usual = reply
    },
    refuse: (status, times = 1) => add({ kind: 'refuse', status }, times),
    drop: (times = 1) => add({ kind: 'drop' }, times),
    delay: (ms, times = 1) => add({ kind: 'delay', ms }, times),
    received: async (count, options = {}) => {
      await waitUntil(() => requests.length >= count, {
        what: `${count} webhooks (${requests.length} so far)`,
        ...options,
      })
      return [...requests]
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
