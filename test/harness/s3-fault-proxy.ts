import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'

import { matchesS3, parseS3Request, type S3Matcher, type S3Request } from './s3-operation.ts'

/** What happens to a request that a rule matches. */
export type S3Fault =
  /** Answered here; nothing reaches the server. `code` is S3's error code. */
  | {
      readonly kind: 'reply'
      readonly status: number
      readonly code?: string
      readonly message?: string
      readonly retryAfter?: number
      readonly headers?: Readonly<Record<string, string>>
    }
  /** The server does it, and the client never hears: its connection is reset. */
  | { readonly kind: 'drop-reply' }
  /** Forwarded after a while, in milliseconds. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Forwarded once the promise has settled; for tests that must act in between. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  /** The connection is reset once this many bytes of the request's body have come; the server sees a torn request. */
  | { readonly kind: 'reset-request'; readonly afterBytes: number }
  /** The connection is reset after this many bytes of the reply's body. */
  | { readonly kind: 'reset-response'; readonly afterBytes: number }
  /** Status 200 with an error document, as S3 may do on CompleteMultipartUpload; `forward`: the server does it all the same. */
  | { readonly kind: 'error-in-200'; readonly code?: string; readonly forward?: boolean }
  /** The reply's ETag is another one. */
  | { readonly kind: 'wrong-etag'; readonly etag?: string }
  /** The reply stands still after so many bytes of its body, until the client goes. */
  | { readonly kind: 'stall-response'; readonly afterBytes: number }
  /** Nothing more of the request's body is read after so many bytes, until the client goes. */
  | { readonly kind: 'stall-request'; readonly afterBytes: number }
  /** The byte of the reply's body at this offset is inverted. */
  | { readonly kind: 'corrupt-response'; readonly at: number }

/** What became of a request: the status that the client got, or `reset`; undefined while it is under way. */
export interface SeenRequest extends S3Request {
  readonly fault: S3Fault['kind'] | undefined
  /** Status of the real server's answer, when it was asked and has answered. */
  readonly serverStatus: number | undefined
  readonly outcome: number | 'reset' | undefined
}

/** An HTTP proxy in front of an S3 server. It passes the request on byte for byte, Host included, so signatures stay valid. */
export interface S3FaultProxy extends AsyncDisposable {
  readonly endpoint: string
  /** Every request so far, oldest first. */
  readonly requests: readonly SeenRequest[]
  count(matcher: S3Matcher): number
  /** Adds a rule; the first that matches and has times left is used. Returns a function that removes it. */
  on(matcher: S3Matcher, fault: S3Fault, options?: { readonly times?: number }): () => void
  /** Removes all rules. */
  clear(): void
  stop(): Promise<void>
}

interface Rule {
  readonly matcher: S3Matcher
  readonly fault: S3Fault
  left: number
}

type Entry = { -readonly [K in keyof SeenRequest]: SeenRequest[K] }

/** Starts the proxy on a free port of 127.0.0.1. Use its `endpoint` in place of the server's. */
export async function startS3FaultProxy(target: { readonly endpoint: string }): Promise<S3FaultProxy> {
  const { hostname, port } = new URL(target.endpoint)
  const agent = new Agent({ keepAlive: true })
  const seen: Entry[] = []
  let rules: Rule[] = []

  const takeFault = (request: S3Request) => {
    const rule = rules.find(({ matcher, left }) => left > 0 && matchesS3(matcher, request))
    if (rule !== undefined) rule.left--
    return rule?.fault
  }
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = 'GET', url = '/' } = request
    const parsed = parseS3Request(method, url, request.headers)
    const fault = takeFault(parsed)
    const entry: Entry = { ...parsed, fault: fault?.kind, serverStatus: undefined, outcome: undefined }
    seen.push(entry)
    response.on('close', () => {
      entry.outcome = response.writableFinished ? response.statusCode : 'reset'
    })
    if (fault?.kind === 'reply') return reply(request, response, fault)
    if (fault?.kind === 'error-in-200' && !fault.forward)
      return reply(request, response, { ...fault, status: 200 })
    if (fault?.kind === 'delay') await pause(fault.ms)
    if (fault?.kind === 'hold') await fault.until.catch(() => undefined)

    const onward = send({
      hostname,
      port,
      method,
      path: url,
      agent,
      setHost: false,
      headers: onwardHeaders(request),
    })
    if (fault?.kind === 'stall-request') {
      request.on('close', () => onward.destroy())
      onward.on('error', () => undefined)
      let passed = 0
      request.on('data', (chunk: Buffer) => {
        passed += chunk.length
        if (passed >= fault.afterBytes) request.pause()
      })
      return
    }
    const limit = fault?.kind === 'reset-request' ? fault.afterBytes : undefined
    const torn = () => {
      onward.destroy()
      request.socket.resetAndDestroy()
    }
    const body = limit === undefined ? pipeline(request, onward) : pipeline(request, cut(limit, torn), onward)
    // A server may answer before it has read everything; what then matters is the answer
    body.catch(() => undefined)
    const [answer] = (await once(onward, 'response')) as [IncomingMessage]
    entry.serverStatus = answer.statusCode
    if (fault?.kind === 'drop-reply') {
      // Only once the server has said it all is the thing surely done
      for await (const _ of answer);
      request.socket.resetAndDestroy()
      return
    }
    if (fault?.kind === 'error-in-200') {
      for await (const _ of answer);
      return reply(request, response, { ...fault, status: 200 })
    }
    response.writeHead(
      answer.statusCode ?? 502,
      fault?.kind === 'wrong-etag'
        ? withEtag(answer.rawHeaders, fault.etag ?? '"0123456789abcdef0123456789abcdef"')
        : answer.rawHeaders,
    )
    if (fault?.kind === 'stall-response') {
      response.flushHeaders()
      request.socket.on('close', () => answer.destroy())
      await pipeline(
        answer,
        cut(fault.afterBytes, () => undefined),
        response,
        { end: false },
      )
      return
    }
    if (fault?.kind === 'reset-response') {
      await pipeline(
        answer,
        cut(fault.afterBytes, () => request.socket.resetAndDestroy()),
        response,
      )
    } else if (fault?.kind === 'corrupt-response') await pipeline(answer, corrupt(fault.at), response)
    else await pipeline(answer, response)
  }
  const listen = (request: IncomingMessage, response: ServerResponse) => {
    request.on('error', () => undefined)
    handle(request, response).catch(() => request.socket.resetAndDestroy())
  }
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, listen)
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    response.writeContinue()
    listen(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    agent.destroy()
    await closed
  }
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: seen,
    count: matcher => seen.filter(request => matchesS3(matcher, request)).length,
    on: (matcher, fault, { times = Number.POSITIVE_INFINITY } = {}) => {
      const rule: Rule = { matcher, fault, left: times }
      rules.push(rule)
      return () => {
        rules = rules.filter(other => other !== rule)
      }
    },
    clear: () => {
      rules = []
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

// All headers as they came; Expect is settled between the client and this proxy
function onwardHeaders(request: IncomingMessage): string[] {
  const headers: string[] = []
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = request.rawHeaders.slice(i, i + 2)
    if (name.toLowerCase() !== 'expect') headers.push(name, value)
  }
  return headers
}

function withEtag(rawHeaders: readonly string[], etag: string): string[] {
  return rawHeaders.map((text, i) =>
    i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === 'etag' ? etag : text,
  )
}

interface ErrorReply {
  readonly status: number
  readonly code?: string
  readonly message?: string
  readonly retryAfter?: number
  readonly headers?: Readonly<Record<string, string>>
}

async function reply(request: IncomingMessage, response: ServerResponse, error: ErrorReply): Promise<void> {
  // The body is read to its end, so that the client sees an answer and not a broken pipe
  for await (const _ of request);
  const {
    status,
    code = status === 503 ? 'SlowDown' : 'InternalError',
    message = 'injected by the fault proxy',
  } = error
  response.writeHead(status, {
    'content-type': 'application/xml',
    ...(error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) }),
    ...error.headers,
  })
  const document = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`
  response.end(request.method === 'HEAD' ? undefined : document)
}

// Passes that many bytes, then calls `end` and swallows the rest
function cut(limit: number, end: () => void): Transform {
  let passed = 0
  let ended = false
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (ended) return done()
      const rest = limit - passed
      passed += chunk.length
      if (chunk.length < rest) return done(null, chunk)
      ended = true
      setImmediate(end)
      done(null, chunk.subarray(0, rest))
    },
  })
}

function corrupt(at: number): Transform {
  let passed = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const byte = chunk[at - passed]
      const copy = Buffer.from(chunk)
      if (byte !== undefined) copy[at - passed] = byte ^ 0xff
      passed += chunk.length
      done(null, copy)
    },
  })
}
