import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerWritableStream,
} from '@grpc/grpc-js'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import { appErrorToStatus } from '../../shared/wire/call-failure.ts'
import type { AccessScope, Principal } from '../operations/principal.ts'
import type { CallerOf, PeerCall } from './caller.ts'
import { dropConnection } from './drop-connection.ts'
import type { LiveStreams } from './live-streams.ts'
import { sizeOf } from './readable.ts'

/** What every handler gets beside its request. */
export interface CallContext {
  readonly principal: Principal
  readonly scope: AccessScope
  /** Aborted when the caller went away, cancelled, or ran into its deadline. */
  readonly signal: AbortSignal
  readonly path: string
  readonly log: Log
}

/** What handlers are wrapped with. */
export interface HandleEnv {
  readonly callerOf: CallerOf
  readonly log: Log
  /** Where streams are judged again while they are open. */
  readonly streams?: LiveStreams
}

/** Sends frames of a stream. Writing to one that ended is a no-op. */
export interface BidiCall<Res> {
  write(message: Res): void
  /** Ends the stream well. */
  end(): void
  /** Ends the stream with an error. */
  fail(error: AppError): void
  /** Address of the peer, for logs. */
  readonly peer: string
}

/** Takes the frames of one stream. What it throws or rejects with ends the stream, never the process. */
export interface BidiHandler<Req> {
  onMessage(message: Req): void | Promise<void>
  /** The peer sends no more. */
  onEnd(): void | Promise<void>
  /** The stream is over, however it ended; called once. */
  onClosed(): void | Promise<void>
}

/** Time in which a peer may take in why its stream was cut, before its connection is. */
const lastWordsMs = 1_000
/** Frames of one stream that may be in work at a time, and their bytes; beyond, the peer is not read. */
const mostInWork = 64
const mostBytesInWork = 16 << 20
/** Frames a peer may leave unread before it is cut. */
const mostUnread = 2_000

/** Wraps an async function as a unary handler. */
export function unary<Req, Res>(
  env: HandleEnv,
  handler: (request: Req, context: CallContext) => Promise<Res>,
): handleUnaryCall<Req, Res> {
  return (call, callback) => {
    const { context, done } = contextOf(env, call)
    promised(async () => handler(call.request, context())).then(
      response => {
        done()
        callback(null, response)
      },
      (thrown: unknown) => {
        done()
        callback(statusOf(env, call, thrown))
      },
    )
  }
}

/** Wraps an async generator as a server-streaming handler, with back-pressure. */
export function serverStream<Req, Res>(
  env: HandleEnv,
  handler: (request: Req, context: CallContext) => AsyncIterable<Res>,
): handleServerStreamingCall<Req, Res> {
  return call => {
    const { context, done, signal } = contextOf(env, call)
    call.on('error', error => env.log.debug('a stream failed', { path: call.getPath(), error }))
    const run = async () => {
      const about = context()
      underReview(env, call, about, error => {
        done()
        if (!call.cancelled) call.emit('error', statusOf(env, call, error))
      })
      for await (const message of handler(call.request, about)) {
        if (signal.aborted) return
        if (!call.write(message)) await drained(call, signal)
      }
    }
    run().then(
      () => {
        done()
        call.end()
      },
      (thrown: unknown) => {
        done()
        if (!call.cancelled) call.emit('error', statusOf(env, call, thrown))
      },
    )
  }
}

/** Wraps the two halves of a bidirectional stream. */
export function bidi<Req, Res>(
  env: HandleEnv,
  open: (call: BidiCall<Res>, context: CallContext) => BidiHandler<Req>,
): handleBidiStreamingCall<Req, Res> {
  return call => new BidiStream(env, call, open).start()
}

class BidiStream<Req, Res> {
  readonly #env: HandleEnv
  readonly #call: ServerDuplexStream<Req, Res>
  readonly #open: (call: BidiCall<Res>, context: CallContext) => BidiHandler<Req>
  #handler: BidiHandler<Req> | undefined
  #inWork = 0
  #bytesInWork = 0
  #over = false

  constructor(
    env: HandleEnv,
    call: ServerDuplexStream<Req, Res>,
    open: (call: BidiCall<Res>, context: CallContext) => BidiHandler<Req>,
  ) {
    this.#env = env
    this.#call = call
    this.#open = open
  }

  start(): void {
    const call = this.#call
    const { context, done } = contextOf(this.#env, call)
    const close = () => {
      done()
      this.#close()
    }
    // both halves can fail after the other is over: without listeners that would end the process
    call.on('error', error => {
      this.#env.log.debug('a stream failed', { path: call.getPath(), error })
      close()
    })
    call.on('cancelled', close)
    call.on('close', close)
    call.on('data', (message: Req) => this.#take(message))
    call.on('end', () => this.#guard(() => this.#handler?.onEnd()))
    this.#guard(() => {
      const about = context()
      underReview(this.#env, call, about, error => this.#fail(error))
      this.#handler = this.#open(
        {
          write: message => this.#write(message),
          end: () => {
            if (!this.#over) call.end()
            close()
          },
          fail: error => this.#fail(error),
          peer: call.getPeer(),
        },
        about,
      )
    })
  }

  #take(message: Req): void {
    if (this.#over) return
    const bytes = sizeOf(message)
    this.#inWork++
    this.#bytesInWork += bytes
    if (this.#busy) this.#call.pause()
    this.#guard(
      () => this.#handler?.onMessage(message),
      () => {
        this.#inWork--
        this.#bytesInWork -= bytes
        if (!this.#busy && this.#call.isPaused()) this.#call.resume()
      },
    )
  }

  get #busy(): boolean {
    return this.#inWork >= mostInWork || this.#bytesInWork >= mostBytesInWork
  }

  #write(message: Res): void {
    if (this.#over || this.#call.cancelled) return
    if (this.#call.writableLength > mostUnread) {
      this.#fail(new AppError('link.protocol', { message: 'the peer does not read what it is sent' }))
      return
    }
    this.#guard(() => {
      this.#call.write(message)
    })
  }

  /** Runs a callback of the handler; whatever it throws, now or later, ends this stream and nothing else. */
  #guard(work: () => void | Promise<void> | undefined, after: () => void = () => {}): void {
    promised(async () => work()).then(after, (thrown: unknown) => {
      after()
      this.#fail(thrown)
    })
  }

  #fail(thrown: unknown): void {
    if (this.#over) return
    const status = statusOf(this.#env, this.#call, thrown)
    this.#close()
    if (!this.#call.cancelled) this.#call.emit('error', status)
  }

  #close(): void {
    if (this.#over) return
    this.#over = true
    this.#guard(() => this.#handler?.onClosed())
  }
}

type AnyCall = PeerCall & {
  readonly cancelled: boolean
  on(event: 'cancelled' | 'close', listener: () => void): unknown
}

function contextOf(env: HandleEnv, call: AnyCall) {
  const ending = new AbortController()
  call.on('cancelled', () => ending.abort(new AppError('interrupted')))
  return {
    signal: ending.signal,
    done: () => ending.abort(new AppError('interrupted')),
    context: (): CallContext => {
      const path = call.getPath()
      const principal = env.callerOf(path, call)
      return { principal, scope: principal.scope, signal: ending.signal, path, log: env.log }
    },
  }
}

/** Has an open stream judged again until it ends; one that is cut hears why, and then loses its connection. */
function underReview(
  env: HandleEnv,
  call: AnyCall,
  { principal, path }: CallContext,
  cut: (error: AppError) => void,
): void {
  const forget = env.streams?.add({
    principal,
    path,
    cut: error => {
      env.log.warn('a stream is cut', { path, caller: principal.name, error })
      cut(error)
      setTimeout(() => dropConnection(call), lastWordsMs).unref()
    },
  })
  if (forget === undefined) return
  call.on('close', forget)
  call.on('cancelled', forget)
}

/** Calls at once, like a plain call, and turns a throw into a rejection. */
function promised<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work()
  } catch (thrown) {
    return Promise.reject(thrown)
  }
}

function statusOf(env: HandleEnv, call: PeerCall, thrown: unknown) {
  const error = AppError.from(thrown)
  // everything else is an answer; a defect is ours, and its cause stays here
  if (error.code === 'internal')
    env.log.error('a handler failed', { path: call.getPath(), peer: call.getPeer(), error: thrown })
  const status = appErrorToStatus(error)
  return Object.assign(new Error(status.details), status)
}

function drained<Req, Res>(call: ServerWritableStream<Req, Res>, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const go = () => {
      call.off('drain', go)
      signal.removeEventListener('abort', go)
      resolve()
    }
    if (signal.aborted) return resolve()
    call.once('drain', go)
    signal.addEventListener('abort', go, { once: true })
  })
}
