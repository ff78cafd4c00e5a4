import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { type ChannelTarget, keepalive } from '../../shared/wire/channel.ts'
import type { Hello, Welcome } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { Anchors } from '../jobs/anchors.ts'
import type { Attempts } from '../jobs/attempts.ts'
import { Backoff } from './backoff.ts'
import type { Inventories } from './inventory.ts'
import type { SessionOutcome } from './outcome.ts'
import type { Results } from './results.ts'
import { type FrameOut, type LaterFrame, Session } from './session.ts'
import { TermGuard } from './term-guard.ts'

/**
 * The control link: dials, keeps one session at a time, dials again. Invariants, cited where they are upheld:
 *
 * - L1 a lost or absent coordinator ends no backup; only guarded work ends, after ⅔ of the lease (J11).
 * - L2 the back-off is reset only after some seconds of service: handshake-then-die makes no storm.
 * - L3 what may have been lost with a stream is said again on the next: results, accepts, uploads, questions.
 * - L4 no frame, known or not, ends the process.
 */

/** Service for this long resets the back-off, ms (L2). */
const trustedAfter = 5_000
const greetingTimeout = 10_000
const defaultTtl = 120_000

export interface LinkHooks {
  onState?(state: 'connected' | 'disconnected'): void
  onIgnored?(why: 'unknown' | 'stale-term'): void
  onDial?(): void
}

export interface LinkOptions {
  /** Asked at every dial. */
  readonly channel: ChannelTarget
  readonly clock: Clock
  readonly log: Log
  /** In [0, 1). */
  readonly random: () => number
  /** Longest wait between two dials, ms; default 30,000. */
  readonly longestWait?: Duration
  /** Hello as things are now. */
  readonly hello: () => Promise<Hello>
  readonly heartbeat: () => Extract<FrameOut, { $case: 'heartbeat' }>['value']
  readonly attempts: Attempts
  readonly results: Results
  readonly inventories: Inventories
  readonly anchors: Pick<Anchors, 'take'>
  readonly hooks?: LinkHooks
}

/** Why the link gave up for good. */
export type LinkEnd = { readonly kind: 'stopped' } | { readonly kind: 'refused'; readonly error: AppError }

export class Link {
  readonly #options: LinkOptions
  readonly #terms = new TermGuard()
  readonly #backoff: Backoff
  readonly #stopping = new AbortController()
  #session: Session | undefined
  #seq = 0
  /** When there was contact for certain, monotonic. */
  #contactAt: Millis
  #leaseTtl: Duration = defaultTtl
  #toldLost = false
  #lastRefusal: string | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    const { random, longestWait: longest = 30_000 } = options
    this.#backoff = new Backoff({ first: Math.min(500, longest), longest, random })
    this.#contactAt = options.clock.now().mono
  }

  /** Whether a coordinator serves us now. */
  get connected(): boolean {
    return this.#session?.serving ?? false
  }

  /** Says something; false when nobody listens. Progress is not worth a queue. */
  send(frame: FrameOut): boolean {
    const session = this.#session
    if (session === undefined || (frame.$case === 'progress' && session.congested)) return false
    return session.send(frame)
  }

  /** Says something large at the stream's pace. */
  async sendWithin(frame: FrameOut): Promise<boolean> {
    return (await this.#session?.sendWithin(frame)) ?? false
  }

  /** Dials and serves until stopped, or refused for good. Never rejects. */
  async run(): Promise<LinkEnd> {
    const watching = this.#watchContact()
    try {
      for (;;) {
        if (this.#stopping.signal.aborted) return { kind: 'stopped' }
        const outcome = await this.#serve()
        const wait = this.#waitAfter(outcome)
        if (typeof wait !== 'number') return wait
        await this.#options.clock.sleep(wait, this.#stopping.signal).catch(() => {})
      }
    } finally {
      this.#stopping.abort()
      await watching
    }
  }

  /** Dials anew at once, with what the channel is now: a connection shows for life the certificate it began with. */
  redial(): void {
    this.#session?.stop()
  }

  /** Says Goodbye and ends. */
  async stop(reason: string, grace: Duration = 2_000): Promise<void> {
    this.#stopping.abort(new AppError('interrupted'))
    await this.#session?.goodbye(reason, grace)
  }

  async #serve(): Promise<SessionOutcome> {
    const { channel, clock, log, hooks, inventories } = this.#options
    hooks?.onDial?.()
    let hello: Hello
    try {
      hello = await this.#options.hello()
    } catch (thrown) {
      return { kind: 'unreachable', error: AppError.from(thrown) }
    }
    if (this.#stopping.signal.aborted) return { kind: 'stopped' }
    const session = new Session({
      channel,
      hello,
      terms: this.#terms,
      clock,
      log,
      greetingTimeout,
      nextSeq: () => ++this.#seq,
      onWelcome: (welcome, welcomed) => this.#welcomed(welcome, welcomed),
      onFrame: frame => this.#take(frame),
      onIgnored: why => {
        log.debug('a frame of the coordinator was ignored', { why })
        hooks?.onIgnored?.(why)
      },
    })
    this.#session = session
    const outcome = await session.ended
    if (outcome.kind === 'served' || outcome.kind === 'stopped') {
      // a peer that went without a word was noticed by keepalive, that much later
      const noticedAfter = keepalive.timeMs + keepalive.timeoutMs
      this.#contactAt = Math.max(session.heardAt, clock.now().mono - noticedAfter)
      hooks?.onState?.('disconnected')
    }
    inventories.pause()
    this.#session = undefined
    return outcome
  }

  #welcomed(welcome: Welcome, session: Session): void {
    const { log, hooks, attempts, results, inventories } = this.#options
    log.info('welcomed by the coordinator', {
      fleet_id: welcome.fleetId,
      coordinator_version: welcome.coordinatorVersion,
      term: this.#terms.term,
    })
    this.#lastRefusal = undefined
    hooks?.onState?.('connected')
    if (welcome.leaseTtlMs > 0) this.#leaseTtl = welcome.leaseTtlMs
    // a drain is said anew to each stream: its end may have been said while there was none
    attempts.drain(false, '')
    if (welcome.startTimeoutMs > 0) attempts.startTimeout = welcome.startTimeoutMs
    inventories.setInterval(welcome.inventoryIntervalMs)
    this.#background('results', results.attach(session, welcome.incarnation))
    attempts.resend()
    this.#background('heartbeats', this.#heartbeats(session, welcome.heartbeatIntervalMs))
  }

  async #heartbeats(session: Session, interval: Duration): Promise<void> {
    const { clock, attempts, results } = this.#options
    while (session.serving) {
      session.send({ $case: 'heartbeat', value: this.#options.heartbeat() })
      attempts.flushProgress()
      await results.flush()
      try {
        await clock.sleep(interval > 0 ? interval : 10_000, session.life.signal)
      } catch {
        return
      }
    }
  }

  /** One switch over everything a coordinator may say; the rest was counted and ignored (L4). */
  #take(frame: LaterFrame): void {
    const { attempts, results, inventories, log } = this.#options
    switch (frame.$case) {
      case 'assign':
        attempts.assign(frame.value)
        break
      case 'start':
        if (frame.value.attempt !== undefined) attempts.start(frame.value.attempt)
        break
      case 'cancel':
        if (frame.value.attempt !== undefined) attempts.cancel(frame.value.attempt, frame.value.reason)
        break
      case 'grant':
        attempts.grant(frame.value)
        break
      case 'ack':
        this.#background('acknowledgement', results.acknowledge(frame.value))
        break
      case 'drain':
        log.info(frame.value.drain ? 'drained by the coordinator' : 'no longer drained', {
          reason: frame.value.reason,
        })
        attempts.drain(frame.value.drain, frame.value.reason)
        break
      case 'rate':
        if (frame.value.attempt !== undefined) attempts.setRate(frame.value.attempt, frame.value.maxRate)
        break
      case 'watch':
        inventories.watch(frame.value)
        break
      case 'anchorTask':
        this.#options.anchors.take(frame.value)
        break
      default:
        frame satisfies never
    }
  }

  /** The policy that reacts to how a session ended, in one place. */
  #waitAfter(outcome: SessionOutcome): Duration | LinkEnd {
    const { log } = this.#options
    switch (outcome.kind) {
      case 'stopped':
        // ended by us: for good, or to dial anew
        return this.#stopping.signal.aborted ? { kind: 'stopped' } : 0
      case 'served': {
        if (outcome.servedFor >= trustedAfter) this.#backoff.reset()
        const wait = this.#backoff.next()
        if (!this.#stopping.signal.aborted)
          log.warn('the coordinator is gone; work goes on', { error: outcome.error, again_in_ms: wait })
        return wait
      }
      case 'unreachable': {
        const wait = this.#backoff.next()
        log[this.#lastRefusal === outcome.error.code ? 'debug' : 'warn'](
          'the coordinator cannot be reached',
          {
            error: outcome.error,
            again_in_ms: wait,
          },
        )
        this.#lastRefusal = outcome.error.code
        return wait
      }
      case 'refused':
        log.error('the coordinator refused this agent', { error: outcome.error })
        return outcome.retryAfter > 0
          ? Math.max(outcome.retryAfter, this.#backoff.next())
          : { kind: 'refused', error: outcome.error }
      default:
        return outcome satisfies never
    }
  }

  /**
   * J11: guarded work ends when the lease could not be renewed for ⅔ of its time. A process that was stopped
   * and woken finds its own clock ahead, stream or no stream, and does the same.
   */
  async #watchContact(): Promise<void> {
    const { clock, attempts } = this.#options
    let before = clock.now().mono
    while (!this.#stopping.signal.aborted) {
      try {
        await clock.sleep(Math.min(5_000, this.#leaseTtl / 24), this.#stopping.signal)
      } catch {
        return
      }
      const { mono } = clock.now()
      const limit = (this.#leaseTtl * 2) / 3
      const slept = mono - before >= limit
      before = mono
      if (this.connected && !slept) {
        this.#toldLost = false
        continue
      }
      if (!slept && (this.#toldLost || mono - this.#contactAt < limit)) continue
      this.#toldLost = true
      attempts.contactLost()
    }
  }

  #background(what: string, work: Promise<void>): void {
    work.catch((error: unknown) => this.#options.log.error(`${what} failed`, { error }))
  }
}
