import { randomUUID } from 'node:crypto'
import { Client, type ClientDuplexStream } from '@grpc/grpc-js'
import type { AgentId } from '../../shared/model/identifiers.ts'
import { signManifest } from '../../shared/signing/index.ts'
import {
  AgentLinkServiceService,
  type Assign,
  ConnectRequest,
  ConnectResponse,
} from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { refOf, successOf } from '../../test/harness/fake-agent.ts'
import type { AgentIdentity } from './certified.ts'

type AgentFrame = NonNullable<ConnectRequest['frame']>

/** What an agent tells of what happened to it. */
export interface LeanAgentEvents {
  welcomed(): void
  /** It told of databases. */
  told(): void
  /** It was told to begin. */
  started(): void
  /** Its result was acknowledged as recorded. */
  recorded(): void
  /** The coordinator answered a small call on the agent's own connection, ms. */
  roundTrip(ms: number): void
  /** It refused or dropped one. */
  unanswered(): void
  /** Its stream ended before its time, after Welcome or before; it dials again. */
  lost(welcomed: boolean): void
}

/** From a stream's end until it dials again, at least, and at most twice that; ms. */
const redialAfter = 1_000

/** Asks something small on the agent's own connection: `/grpc.health.v1.Health/Check`. */
const health = '/grpc.health.v1.Health/Check'

/**
 * An agent of the true protocol that keeps no frame: thousands of them fit a process. It inventories what it is to
 * watch, takes every job, and succeeds at once.
 */
export class LeanAgent {
  readonly agentId: AgentId
  readonly hostname: string
  readonly #key: AgentIdentity['key']
  readonly #databases: readonly string[]
  readonly #events: LeanAgentEvents
  readonly #client: Client
  #call: ClientDuplexStream<ConnectRequest, ConnectResponse>
  #welcomed = false
  #ended = false
  readonly #offers = new Map<string, Assign>()
  readonly #watched = new Set<string>()
  #telling = false
  #seq = 0
  readonly #timers: NodeJS.Timeout[] = []
  readonly #probeEvery: number | undefined

  /** @param probeEvery ms between two round trips it measures; absent: it measures none */
  constructor(
    address: string,
    { agentId, credentials, options, key }: AgentIdentity,
    hostname: string,
    databases: readonly string[],
    events: LeanAgentEvents,
    probeEvery?: number,
  ) {
    this.#probeEvery = probeEvery
    this.agentId = agentId
    this.#key = key
    this.hostname = hostname
    this.#databases = databases
    this.#events = events
    // each agent is a host: none shares a connection with another
    this.#client = new Client(address, credentials, { ...options, 'grpc.use_local_subchannel_pool': 1 })
    this.#call = this.#dial()
  }

  /** From now on it answers for what it watches: before, it is a host whose servers are not known yet. */
  tell(): void {
    this.#telling = true
    for (const instanceId of this.#watched) {
      this.#watched.delete(instanceId)
      this.#inventory(instanceId)
      this.#events.told()
    }
  }

  end(): void {
    this.#ended = true
    this.#call.cancel()
    this.#client.close()
  }

  #dial(): ClientDuplexStream<ConnectRequest, ConnectResponse> {
    const call = this.#client.makeBidiStreamRequest<ConnectRequest, ConnectResponse>(
      AgentLinkServiceService.connect.path,
      value => Buffer.from(ConnectRequest.encode(value).finish()),
      bytes => ConnectResponse.decode(bytes),
    )
    call.on('data', (response: ConnectResponse) => this.#take(response))
    call.on('error', () => undefined)
    call.on('status', () => {
      for (const timer of this.#timers.splice(0)) clearTimeout(timer)
      if (this.#ended) return
      this.#events.lost(this.#welcomed)
      this.#welcomed = false
      setTimeout(
        () => {
          if (!this.#ended) this.#call = this.#dial()
        },
        redialAfter * (1 + Math.random()),
      ).unref()
    })
    this.#seq = 0
    this.#hello(call)
    return call
  }

  #take({ frame }: ConnectResponse): void {
    switch (frame?.$case) {
      case 'welcome': {
        const every = frame.value.heartbeatIntervalMs
        // agents of a fleet do not beat in step
        const begin = () => {
          this.#heartbeat()
          this.#timers.push(setInterval(() => this.#heartbeat(), every))
          if (this.#probeEvery !== undefined)
            this.#timers.push(setInterval(() => this.#probe(), this.#probeEvery))
        }
        this.#timers.push(setTimeout(begin, Math.random() * every))
        this.#welcomed = true
        this.#events.welcomed()
        return
      }
      case 'watch':
        for (const { instanceId } of frame.value.instances) this.#watched.add(instanceId)
        if (this.#telling) this.tell()
        return
      case 'assign': {
        const attempt = refOf(frame.value)
        this.#offers.set(attempt.attemptId, frame.value)
        this.#send({ $case: 'accepted', value: { attempt } })
        return
      }
      case 'start':
        this.#events.started()
        this.#finish(frame.value.attempt?.attemptId ?? '')
        return
      case 'ack':
        this.#events.recorded()
        return
      default:
    }
  }

  #finish(attemptId: string): void {
    const offer = this.#offers.get(attemptId)
    if (offer === undefined) return
    this.#offers.delete(attemptId)
    const result = successOf(offer, this)
    this.#send({ $case: 'result', value: { ...result, manifest: this.#signed(result.manifest) } })
  }

  /** One with a certificate is held to signing what it made. */
  #signed(manifest: Buffer): Buffer {
    if (this.#key === undefined) return manifest
    const content = JSON.parse(manifest.toString()) as Record<string, unknown>
    return Buffer.from(JSON.stringify({ ...content, signatures: [signManifest(content, this.#key)] }))
  }

  #heartbeat(): void {
    const running = [...this.#offers.values()].map(refOf)
    this.#send({
      $case: 'heartbeat',
      value: {
        running,
        sentAt: Date.now(),
        load1: 0,
        memoryAvailableBytes: 0,
        spooledResults: 0,
        resources: undefined,
        draining: false,
        listening: [],
      },
    })
  }

  #probe(): void {
    const sent = performance.now()
    this.#client.makeUnaryRequest(
      health,
      () => Buffer.alloc(0),
      bytes => bytes,
      undefined,
      error => {
        if (error === null) this.#events.roundTrip(performance.now() - sent)
        else this.#events.unanswered()
      },
    )
  }

  #inventory(instanceId: string): void {
    this.#send({
      $case: 'inventory',
      value: {
        instanceId,
        generation: 1,
        chunk: 0,
        last: true,
        facts: {
          serverVersion: '15.8',
          role: 'primary',
          replicationLagMs: 0,
          replicationSource: undefined,
          replicationLagUnknown: false,
          evidence: [{ kind: 'postgres-system-identifier', value: instanceId }],
          clockOffsetMs: 0,
          missingPrivileges: [],
          hasGlobals: false,
        },
        databases: this.#databases.map((name, index) => ({
          name,
          sizeBytes: 1_000_000,
          connectable: true,
          evidence: [{ kind: 'postgres-oid', value: String(16_384 + index) }],
        })),
        failure: undefined,
      },
    })
  }

  #hello(call: ClientDuplexStream<ConnectRequest, ConnectResponse>): void {
    const frame: AgentFrame = {
      $case: 'hello',
      value: {
        agentId: this.agentId,
        instanceId: randomUUID(),
        bootId: randomUUID(),
        version: '0.0.0-bench',
        protocolVersion: 1,
        features: ['restore', 'encryption', 'destination-settings'],
        hooks: [],
        verifyServers: [],
        host: {
          hostname: this.hostname,
          nodeId: '',
          nodeName: this.hostname,
          addresses: [],
          cores: 2,
          memoryBytes: 4e9,
          os: 'linux',
          tools: [],
        },
        running: [],
        unacknowledged: [],
        sentAt: Date.now(),
        lastIncarnation: '',
        pool: false,
        keeper: false,
      },
    }
    call.write({ seq: ++this.#seq, frame })
  }

  #send(frame: AgentFrame): void {
    this.#call.write({ seq: ++this.#seq, frame })
  }
}
