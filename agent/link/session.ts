import type { ClientDuplexStream } from '@grpc/grpc-js'
import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { appErrorFromServiceError } from '../../shared/wire/call-failure.ts'
import type { ChannelTarget } from '../../shared/wire/channel.ts'
import { failureFromWire } from '../../shared/wire/failure.ts'
import {
  AgentLinkServiceClient,
  type ConnectRequest,
  type ConnectResponse,
  type Hello,
  type Welcome,
} from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { SessionOutcome } from './outcome.ts'
import type { TermGuard } from './term-guard.ts'

/** Frames out and in. */
export type FrameOut = NonNullable<ConnectRequest['frame']>
export type FrameIn = NonNullable<ConnectResponse['frame']>

/** Later frames of the coordinator; Welcome and Refused are the session's own matter. */
export type LaterFrame = Exclude<FrameIn, { $case: 'welcome' | 'refused' }>

/**
 * One stream to the coordinator. Each state owns only what it needs; `settle` is the only way out of them and
 * is idempotent (style §1.1).
 *
 * `greeting` Hello is sent, no answer yet → `serving` from the Welcome on → `ended`
 */
type State =
  | { readonly kind: 'greeting'; readonly deadline: AbortController }
  | { readonly kind: 'serving'; readonly since: Millis }
  | { readonly kind: 'ended' }

export interface SessionOptions {
  readonly channel: ChannelTarget
  readonly hello: Hello
  readonly terms: TermGuard
  readonly clock: Clock
  readonly log: Log
  /** No Welcome within this, ms: given up. */
  readonly greetingTimeout: Duration
  /** Counts frames of this boot. */
  readonly nextSeq: () => number
  readonly onWelcome: (welcome: Welcome, session: Session) => void
  readonly onFrame: (frame: LaterFrame) => void
  /** A frame nobody here knows, or of a lower term. */
  readonly onIgnored: (why: 'unknown' | 'stale-term') => void
}

export class Session {
  readonly ended: Promise<SessionOutcome>
  /** Aborted when the session ends; what it sends in the background ends with it. */
  readonly life = new AbortController()
  readonly #options: SessionOptions
  readonly #client: AgentLinkServiceClient
  readonly #call: ClientDuplexStream<ConnectRequest, ConnectResponse>
  readonly #settled = Promise.withResolvers<SessionOutcome>()
  #state: State
  #drained: PromiseWithResolvers<void> | undefined
  #heardAt: Millis

  /** Dials and says Hello. */
  constructor(options: SessionOptions) {
    this.#options = options
    this.ended = this.#settled.promise
    const { address, credentials, options: channelOptions } = options.channel
    this.#client = new AgentLinkServiceClient(address, credentials, {
      ...channelOptions,
      // a new connection for each dial: no back-off and no broken connection is inherited
      'grpc.use_local_subchannel_pool': 1,
    })
    this.#call = this.#client.connect()
    const deadline = new AbortController()
    this.#state = { kind: 'greeting', deadline }
    this.#heardAt = options.clock.now().mono
    this.#call.on('data', frame => this.#guarded(() => this.#take(frame)))
    this.#call.on('drain', () => this.#drained?.resolve())
    this.#call.on('error', error => this.#fail(appErrorFromServiceError(error)))
    this.#call.on('end', () =>
      this.#fail(new AppError('coordinator.unreachable', { context: { detail: 'the stream was closed' } })),
    )
    options.clock.sleep(options.greetingTimeout, deadline.signal).then(
      () =>
        this.#fail(new AppError('coordinator.deadline', { message: 'the coordinator did not say welcome' })),
      () => {},
    )
    this.#write({ $case: 'hello', value: options.hello })
  }

  /** When the coordinator was last heard of, monotonic ms. */
  get heardAt(): Millis {
    return this.#heardAt
  }

  get serving(): boolean {
    return this.#state.kind === 'serving'
  }

  /** Whether the stream takes more without piling up in memory. */
  get congested(): boolean {
    return this.#drained !== undefined
  }

  /** Says something; false when this session does not serve. */
  send(frame: FrameOut): boolean {
    if (this.#state.kind !== 'serving') return false
    this.#write(frame)
    return true
  }

  /** Says something large: resolves when the stream has room again. False when the session ended. */
  async sendWithin(frame: FrameOut): Promise<boolean> {
    await Promise.race([this.#drained?.promise, this.ended])
    if (!this.send(frame)) return false
    await Promise.race([this.#drained?.promise, this.ended])
    return true
  }

  /** Says Goodbye and ends the stream; waits a little for it to leave. */
  async goodbye(reason: string, grace: Duration): Promise<void> {
    if (this.send({ $case: 'goodbye', value: { reason } })) {
      this.#call.end()
      const quiet = new AbortController()
      await Promise.race([this.ended, this.#options.clock.sleep(grace, quiet.signal).catch(() => {})])
      quiet.abort()
    }
    this.stop()
  }

  /** Ends it now. */
  stop(): void {
    this.#settle({ kind: 'stopped' })
  }

  #write(frame: FrameOut): void {
    const room = this.#call.write({ seq: this.#options.nextSeq(), frame })
    if (room || this.#drained !== undefined) return
    const drained = Promise.withResolvers<void>()
    this.#drained = drained
    drained.promise.then(() => {
      this.#drained = undefined
    })
  }

  #take(response: ConnectResponse): void {
    this.#heardAt = this.#options.clock.now().mono
    const { term, frame } = response
    if (frame === undefined) this.#options.onIgnored('unknown')
    else if (frame.$case === 'refused') this.#refused(frame.value)
    else if (frame.$case === 'welcome') this.#welcomed(term, frame.value)
    else this.#later(term, frame)
  }

  #later(term: number, frame: LaterFrame): void {
    if (this.#state.kind !== 'serving')
      this.#fail(
        new AppError('link.protocol', {
          message: 'the coordinator spoke before its welcome',
          context: { frame: frame.$case },
        }),
      )
    else if (this.#options.terms.accepts(term)) this.#options.onFrame(frame)
    else this.#stale(term)
  }

  #welcomed(term: number, welcome: Welcome): void {
    if (this.#state.kind !== 'greeting') return
    if (!this.#options.terms.welcome(term, welcome.incarnation)) {
      this.#stale(term)
      return
    }
    this.#state.deadline.abort()
    this.#state = { kind: 'serving', since: this.#options.clock.now().mono }
    this.#options.onWelcome(welcome, this)
  }

  /** A leader that was deposed still speaks (A4): its stream ends, the next dial finds the leader. */
  #stale(term: number): void {
    this.#options.onIgnored('stale-term')
    this.#fail(new AppError('link.stale-term', { context: { term, seen: this.#options.terms.term } }))
  }

  #refused({ failure, retryAfterMs }: Extract<FrameIn, { $case: 'refused' }>['value']): void {
    const error =
      failure === undefined ? new AppError('link.refused') : AppError.fromFailure(failureFromWire(failure))
    this.#settle({ kind: 'refused', error, retryAfter: retryAfterMs })
  }

  #fail(error: AppError): void {
    const state = this.#state
    this.#settle(
      state.kind === 'serving'
        ? { kind: 'served', servedFor: this.#options.clock.now().mono - state.since, error }
        : { kind: 'unreachable', error },
    )
  }

  #settle(outcome: SessionOutcome): void {
    const state = this.#state
    if (state.kind === 'ended') return
    this.#state = { kind: 'ended' }
    if (state.kind === 'greeting') state.deadline.abort()
    this.life.abort()
    this.#call.cancel()
    this.#client.close()
    this.#settled.resolve(outcome)
  }

  /** A throw in a stream's callback would end the process (facts-runtime §4). */
  #guarded(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#options.log.error('a frame of the coordinator could not be handled', { error })
    }
  }
}
