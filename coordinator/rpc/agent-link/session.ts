import { AppError } from '../../../shared/errors/index.ts'
import { type AgentId, idPrefixes } from '../../../shared/model/identifiers.ts'
import { protocolVersion } from '../../../shared/model/version.ts'
import { failureToWire } from '../../../shared/wire/failure.ts'
import type {
  ConnectRequest,
  ConnectResponse,
  Hello,
} from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { InventoryAssembly } from '../../fleet/inventory-assembly.ts'
import { cloneRetryHeartbeats } from '../../operations/clones.ts'
import { recordAgent, type SeenAgent, tellClone } from '../../operations/record-agent.ts'
import { settleHello } from '../../operations/settle-running.ts'
import type { Term } from '../../operations/term.ts'
import { Bucket } from '../bucket.ts'
import type { BidiCall, BidiHandler, CallContext } from '../handle.ts'
import { takeFrame } from './frames.ts'
import { agentFromHello, runningRefs } from './from-wire.ts'
import type { Link } from './link.ts'
import type { AgentSession, Frame } from './sessions.ts'

/** Oldest protocol that is still served (N−2). */
const oldestProtocol = Math.max(1, protocolVersion - 2)

/** What a stream is: waiting for Hello, settling it, serving, or over. A term exists only from `greeting` on. */
type State =
  | { readonly kind: 'new' }
  | { readonly kind: 'greeting' | 'serving'; readonly agent: SeenAgent; readonly term: Term }
  | { readonly kind: 'over' }

/**
 * One stream of one agent. The first frame is Hello; what follows waits until it is settled and is then taken in
 * order. Frames of a stream that was superseded, or of a term that ended, count no more.
 */
export class Session implements BidiHandler<ConnectRequest>, AgentSession {
  readonly assembly: InventoryAssembly
  readonly #frames: Bucket
  readonly #link: Link
  readonly #call: BidiCall<ConnectResponse>
  readonly #context: CallContext
  #state: State = { kind: 'new' }
  #settled: Promise<void> | undefined

  constructor(link: Link, call: BidiCall<ConnectResponse>, context: CallContext) {
    this.#link = link
    this.#call = call
    this.#context = context
    this.assembly = new InventoryAssembly(link.limits.databases)
    this.#frames = new Bucket(link.limits.frames, link.clock.now().mono)
    void this.#awaitHello()
  }

  get agentId(): AgentId {
    return this.#agent().id
  }

  get instanceUuid(): string {
    return this.#agent().instanceUuid
  }

  get bootId(): string {
    return this.#agent().bootId
  }

  get serving(): boolean {
    return this.#state.kind === 'serving' && !this.#state.term.signal.aborted
  }

  send(frame: Frame): void {
    // a leader that slept through its time must not speak (facts A4)
    if (this.#state.kind !== 'serving' || !this.#state.term.leads()) return
    this.#call.write({ term: this.#state.term.number, frame })
  }

  supersede(): void {
    if (this.#state.kind === 'over') return
    this.#leave()
    this.#call.end()
  }

  async onMessage({ frame }: ConnectRequest): Promise<void> {
    if (this.#state.kind === 'over') return
    await this.#paced()
    if (frame === undefined) {
      // a newer peer: counted and ignored (architecture §10)
      this.#link.counts.unknownFrame()
      return
    }
    if (this.#state.kind === 'new') {
      if (frame.$case !== 'hello')
        throw new AppError('link.protocol', { message: 'the first frame must be Hello' })
      this.#settled = this.#greet(frame.value)
      return this.#settled
    }
    await this.#settled
    const state = this.#state as State
    if (state.kind !== 'serving' || state.term.signal.aborted) return
    if (frame.$case === 'hello') throw new AppError('link.protocol', { message: 'a stream has one Hello' })
    const { term, agent } = state
    term.live.heard(agent.id, this.#link.clock.now())
    await takeFrame(frame, { agentId: agent.id, session: this, term, link: this.#link })
  }

  onEnd(): void {
    this.#call.end()
  }

  onClosed(): void {
    this.#leave()
  }

  /** A stream that says nothing costs as much as one that works. */
  async #awaitHello(): Promise<void> {
    const { signal } = this.#context
    const { hello } = this.#link.limits
    await this.#link.clock.sleep(hello, signal).catch(() => undefined)
    if (this.#state.kind !== 'new' || signal.aborted) return
    this.#link.counts.refused('no-hello')
    this.#link.refused(this.#address, 'no-hello', '', this.#link.clock.now().wall)
    this.#state = { kind: 'over' }
    this.#call.fail(new AppError('link.protocol', { message: 'no Hello came' }))
  }

  /**
   * Waits when more comes than is allowed. What waits is in work: soon the stream is not read any more, and the peer
   * slows down. Nothing of an honest agent is lost, such as the results of a long outage.
   */
  async #paced(): Promise<void> {
    const wait = this.#frames.reserve(this.#link.clock.now().mono)
    if (wait === 0) return
    const state = this.#state
    const actor = state.kind === 'serving' ? `agent:${state.agent.id}` : this.#address
    this.#link.counts.refused('flooding')
    this.#link.refused(actor, 'flooding', '', this.#link.clock.now().wall)
    await this.#link.clock.sleep(wait, this.#context.signal).catch(() => undefined)
  }

  get #address(): string {
    return this.#call.peer.replace(/:\d+$/, '')
  }

  async #greet(hello: Hello): Promise<void> {
    const link = this.#link
    const now = link.clock.now()
    const term = link.term()
    if (link.draining()) return this.#refuse(new AppError('coordinator.draining'), 1_000)
    if (term === undefined) return this.#refuse(new AppError('leader.none'), 2_000)
    const agent = agentFromHello(hello, now.wall)
    const problem = typeof agent === 'string' ? agent : this.#objection(hello, agent)
    if (typeof agent === 'string' || problem !== undefined) {
      link.counts.refused('hello')
      link.refused(this.#address, 'bad-hello', hello.agentId.slice(0, 64), now.wall)
      return this.#refuse(new AppError('link.refused', { message: problem ?? 'bad hello' }), 60_000)
    }
    this.#state = { kind: 'greeting', agent, term }
    const admission = link.sessions.admit(this)
    if (admission.kind === 'cloned') return this.#refuseClone(agent, admission.by, term)
    admission.replaced?.supersede()
    const running = runningRefs(hello.running, agent.id)
    const unacknowledged = runningRefs(hello.unacknowledged, agent.id)
    // before it is known as connected: from then on the planner counts on it
    term.live.announce([...running.refs, ...unacknowledged.refs], now.mono, term.settings.times.leaseTtl)
    const { draining } = await recordAgent(agent, running.refs, term, this.#context.principal.certificate)
    if (!this.#isCurrent(term)) {
      this.#leave()
      return
    }
    this.#state = { kind: 'serving', agent, term }
    this.#welcome(term, now.wall)
    // an agent takes work again with each Welcome, so that it need not have heard of the end of a drain
    if (draining) this.send({ $case: 'drain', value: { drain: true, reason: 'it is drained' } })
    await settleHello(
      {
        agentId: agent.id,
        bootId: agent.bootId,
        running: running.refs,
        unacknowledged: unacknowledged.refs,
      },
      term,
    )
    link.fleetChanged()
    term.wakePlanner()
    link.log.info('agent connected', { agent_id: agent.id, host: agent.hostname, version: agent.version })
  }

  /** What is wrong with a well-formed Hello. */
  #objection(hello: Hello, agent: SeenAgent): string | undefined {
    if (hello.protocolVersion < oldestProtocol)
      return `protocol ${hello.protocolVersion} is too old; this coordinator serves ${oldestProtocol} and newer`
    const { principal } = this.#context
    if (principal.agentId !== undefined && principal.agentId !== agent.id)
      return 'the certificate is of another agent'
    return undefined
  }

  #welcome(term: Term, receivedAt: number): void {
    const { times } = term.settings
    this.send({
      $case: 'welcome',
      value: {
        fleetId: term.store.fleetId,
        coordinatorVersion: this.#link.version,
        protocolVersion,
        features: [],
        incarnation: term.store.incarnation,
        heartbeatIntervalMs: times.heartbeat,
        leaseTtlMs: times.leaseTtl,
        acceptTimeoutMs: times.acceptTimeout,
        startTimeoutMs: times.startTimeout,
        inventoryIntervalMs: times.inventoryInterval,
        receivedAt,
      },
    })
  }

  async #refuseClone(agent: SeenAgent, by: AgentSession, term: Term): Promise<void> {
    const link = this.#link
    link.counts.refused('cloned')
    link.refused(`agent:${agent.id}`, 'cloned-host', agent.hostname, link.clock.now().wall)
    link.log.warn('a second live host has the identity of an agent and is refused', {
      agent_id: agent.id,
      host: agent.hostname,
      boot_id: by.bootId,
    })
    this.#refuse(
      new AppError('link.cloned', { context: { agent_id: agent.id } }),
      term.settings.times.heartbeat * cloneRetryHeartbeats,
    )
    await tellClone(agent, term)
  }

  #refuse(error: AppError, retryAfterMs: number): void {
    this.#call.write({
      term: this.#link.term()?.number ?? 0,
      frame: { $case: 'refused', value: { failure: failureToWire(error), retryAfterMs } },
    })
    this.#state = { kind: 'over' }
    this.#call.end()
  }

  #isCurrent(term: Term): boolean {
    return this.#state.kind === 'greeting' && !term.signal.aborted && this.#link.sessions.isCurrent(this)
  }

  #leave(): void {
    const state = this.#state
    if (state.kind !== 'greeting' && state.kind !== 'serving') {
      this.#state = { kind: 'over' }
      return
    }
    // while the state still names the agent: the registry asks for it
    const last = this.#link.sessions.remove(this)
    if (last) state.term.live.disconnect(state.agent.id)
    if (last && state.kind === 'serving')
      this.#link.log.info('agent disconnected', { agent_id: state.agent.id, host: state.agent.hostname })
    this.#state = { kind: 'over' }
  }

  #agent(): SeenAgent {
    if (this.#state.kind === 'greeting' || this.#state.kind === 'serving') return this.#state.agent
    throw new AppError('internal', { message: `a session without ${idPrefixes.agent}` })
  }
}
