import { createHash, randomUUID } from 'node:crypto'
import { Client, type ClientDuplexStream, credentials, type StatusObject } from '@grpc/grpc-js'
import { newId } from '../../shared/clock/index.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'
import { attemptPrefix, manifestKey } from '../../shared/object-store/keys.ts'
import {
  AgentLinkServiceService,
  type Assign,
  type AttemptRef,
  ConnectRequest,
  ConnectResponse,
  type Heartbeat,
  type Hello,
  type Result,
  type VerifyServer,
} from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { type HostResources, JobKind } from '../../shared/wire/gen/holdfast/v1/common.ts'
import { readManifestStrictly } from './manifest-schema.ts'
import { waitUntil } from './wait-until.ts'

type AgentFrame = NonNullable<ConnectRequest['frame']>
type Frame = NonNullable<ConnectResponse['frame']>
type FrameOf<K extends Frame['$case']> = Extract<Frame, { readonly $case: K }>['value']

/** Who a fake agent says it is. Everything has a default; what is given is said as it is. */
export interface FakeAgentOptions {
  readonly port: number
  readonly agentId?: string
  readonly instanceId?: string
  readonly bootId?: string
  readonly hostname?: string
  readonly addresses?: readonly string[]
  readonly keeper?: boolean
  /** What it knows beyond the first protocol; default nothing. */
  readonly features?: readonly string[]
  /** Servers it can start to restore into; default none. */
  readonly verifyServers?: readonly VerifyServer[]
  /** Names of the hooks its host has; default none. */
  readonly hooks?: readonly string[]
  readonly running?: readonly AttemptRef[]
  readonly unacknowledged?: readonly AttemptRef[]
  readonly protocolVersion?: number
  /** Our wall clock's error, milliseconds. */
  readonly clockError?: number
  /** Heartbeats by itself, at the coordinator's interval; default true. `idle` ones name no attempt. */
  readonly heartbeats?: boolean | 'idle'
}

/**
 * An agent that speaks the true protocol over gRPC and does no work: the test decides what it says. It names
 * in its heartbeats what it accepted and did not end.
 */
export class FakeAgent {
  readonly agentId: AgentId
  readonly instanceId: string
  readonly bootId: string
  readonly hostname: string
  /** Everything received, in order. */
  readonly frames: Frame[] = []
  readonly terms: number[] = []
  /** Status of the stream, once it ended. */
  status: StatusObject | undefined
  readonly running = new Map<string, AttemptRef>()
  /** What its heartbeats say of its host. */
  resources: HostResources | undefined
  /** Whether its heartbeats say that it takes nothing new. */
  draining = false
  readonly #options: FakeAgentOptions
  readonly #client: Client
  readonly #call: ClientDuplexStream<ConnectRequest | Buffer, ConnectResponse>
  readonly #taken = new Set<Frame>()
  #seq = 0
  #beat: NodeJS.Timeout | undefined

  private constructor(options: FakeAgentOptions) {
    this.#options = options
    this.agentId = (options.agentId ?? newId('agent')) as AgentId
    this.instanceId = options.instanceId ?? randomUUID()
    this.bootId = options.bootId ?? randomUUID()
    this.hostname = options.hostname ?? 'host1'
    for (const ref of options.running ?? []) this.running.set(ref.attemptId, ref)
    this.#client = new Client(`127.0.0.1:${options.port}`, credentials.createInsecure())
    this.#call = this.#client.makeBidiStreamRequest<ConnectRequest | Buffer, ConnectResponse>(
      AgentLinkServiceService.connect.path,
      // raw bytes pass through: what a newer peer would send
      value => (Buffer.isBuffer(value) ? value : Buffer.from(ConnectRequest.encode(value).finish())),
      bytes => ConnectResponse.decode(bytes),
    )
    this.#call.on('data', (response: ConnectResponse) => this.#take(response))
    this.#call.on('error', () => undefined)
    this.#call.on('status', status => {
      this.status = status
      clearInterval(this.#beat)
    })
  }

  /** Dials and says Hello; resolves with the first answer, Welcome or Refused. */
  static async connect(options: FakeAgentOptions): Promise<FakeAgent> {
    const agent = FakeAgent.dial(options)
    agent.hello()
    await waitUntil(() => agent.frames.length > 0 || agent.status !== undefined, {
      what: 'the first answer to Hello',
    })
    return agent
  }

  /** Dials and says nothing. */
  static dial(options: FakeAgentOptions): FakeAgent {
    return new FakeAgent(options)
  }

  /** The same agent on a new stream: same boot unless told otherwise. */
  again(options: Partial<FakeAgentOptions> = {}): Promise<FakeAgent> {
    return FakeAgent.connect({
      ...this.#options,
      agentId: this.agentId,
      instanceId: this.instanceId,
      bootId: this.bootId,
      running: [...this.running.values()],
      ...options,
    })
  }

  hello(over: Partial<Hello> = {}): void {
    const { keeper, addresses, protocolVersion, clockError, unacknowledged, features, hooks } = this.#options
    this.send({
      $case: 'hello',
      value: {
        agentId: this.agentId,
        instanceId: this.instanceId,
        bootId: this.bootId,
        version: '0.0.0-fake',
        protocolVersion: protocolVersion ?? 1,
        features: [...(features ?? [])],
        host: {
          hostname: this.hostname,
          nodeId: '',
          nodeName: this.hostname,
          addresses: [...(addresses ?? [])],
          cores: 2,
          memoryBytes: 4e9,
          os: 'linux',
          tools: [],
        },
        running: [...this.running.values()],
        unacknowledged: [...(unacknowledged ?? [])],
        sentAt: Date.now() + (clockError ?? 0),
        lastIncarnation: '',
        pool: keeper ?? false,
        keeper: keeper ?? false,
        hooks: [...(hooks ?? [])],
        verifyServers: [...(this.#options.verifyServers ?? [])],
        ...over,
      },
    })
  }

  send(frame: AgentFrame): void {
    this.#call.write({ seq: ++this.#seq, frame })
  }

  /** Bytes as they are. */
  sendRaw(bytes: Buffer): void {
    this.#call.write(bytes)
  }

  heartbeat(
    running: readonly AttemptRef[] = [...this.running.values()],
    over: Partial<Heartbeat> = {},
  ): void {
    this.send({
      $case: 'heartbeat',
      value: {
        running: [...running],
        sentAt: Date.now(),
        load1: 0,
        memoryAvailableBytes: 0,
        spooledResults: 0,
        resources: this.resources,
        draining: this.draining,
        listening: [],
        ...over,
      },
    })
  }

  /** The next frame of a kind nobody took yet that the test is after. */
  async next<K extends Frame['$case']>(
    kind: K,
    where: (value: FrameOf<K>) => boolean = () => true,
  ): Promise<FrameOf<K>> {
    const found = await waitUntil(
      () =>
        this.frames.find(
          each => each.$case === kind && !this.#taken.has(each) && where(each.value as FrameOf<K>),
        ),
      { what: `${kind} from the coordinator (has ${this.frames.map(each => each.$case).join(', ')})` },
    )
    this.#taken.add(found)
    return found.value as FrameOf<K>
  }

  /** How many frames of a kind came. */
  count(kind: Frame['$case']): number {
    return this.frames.filter(each => each.$case === kind).length
  }

  /** Answers a Watch with these databases, in chunks of `size`. */
  inventory(
    instanceId: string,
    names: readonly string[],
    options: {
      generation?: number
      size?: number
      hasGlobals?: boolean
      evidence?: string
      role?: 'primary' | 'replica'
      lagMs?: number
      sizeBytes?: number
      source?: { host: string; port: number; addresses: string[] }
    } = {},
  ): void {
    const size = options.size ?? 500
    const chunks = Math.max(1, Math.ceil(names.length / size))
    for (let chunk = 0; chunk < chunks; chunk++)
      this.send({
        $case: 'inventory',
        value: {
          instanceId,
          generation: options.generation ?? 1,
          chunk,
          last: chunk === chunks - 1,
          facts:
            chunk > 0
              ? undefined
              : {
                  serverVersion: '15.8',
                  role: options.role ?? 'primary',
                  replicationLagMs: options.lagMs ?? 0,
                  replicationLagUnknown: false,
                  replicationSource: options.source,
                  evidence: [{ kind: 'postgres-system-identifier', value: options.evidence ?? instanceId }],
                  clockOffsetMs: 0,
                  missingPrivileges: [],
                  hasGlobals: options.hasGlobals ?? false,
                },
          databases: names.slice(chunk * size, (chunk + 1) * size).map((name, i) => ({
            name,
            sizeBytes: options.sizeBytes ?? 1_000_000,
            connectable: true,
            evidence: [{ kind: 'postgres-oid', value: String(16_384 + chunk * size + i) }],
          })),
          failure: undefined,
        },
      })
  }

  /** Accepts an offer and waits for Start. */
  async accept(assign: Assign): Promise<AttemptRef> {
    const ref = refOf(assign)
    this.running.set(ref.attemptId, ref)
    this.send({ $case: 'accepted', value: { attempt: ref } })
    await this.next('start', start => start.attempt?.attemptId === ref.attemptId)
    return ref
  }

  /** Sends a result; the attempt is no longer running. */
  result(result: Result): Result {
    if (result.attempt !== undefined) this.running.delete(result.attempt.attemptId)
    this.send({ $case: 'result', value: result })
    return result
  }

  /** Takes the next offer through to a recorded success; returns what was sent and the answer. */
  async succeed(over: Partial<ManifestFacts> = {}) {
    const assign = await this.next('assign')
    await this.accept(assign)
    const result = this.result(successOf(assign, this, over))
    const ack = await this.next('ack', each => each.resultId === result.resultId)
    return { assign, result, ack }
  }

  /** Ends the stream without a word, as a network that is cut. */
  cut(): void {
    clearInterval(this.#beat)
    this.#call.cancel()
    this.#client.close()
  }

  async close(): Promise<void> {
    clearInterval(this.#beat)
    this.#call.end()
    await waitUntil(() => this.status !== undefined, { what: 'the end of the stream' }).catch(() => undefined)
    this.#client.close()
  }

  #take(response: ConnectResponse): void {
    this.terms.push(response.term)
    if (response.frame === undefined) return
    this.frames.push(response.frame)
    if (response.frame.$case === 'welcome' && (this.#options.heartbeats ?? true)) {
      const idle = this.#options.heartbeats === 'idle'
      const beat = () => (idle ? this.heartbeat([]) : this.heartbeat())
      this.#beat = setInterval(beat, response.frame.value.heartbeatIntervalMs)
      this.#beat.unref()
    }
  }
}

/** The attempt of an offer. */
export function refOf(assign: Assign): AttemptRef {
  if (assign.attempt === undefined) throw new Error('an offer without attempt')
  return assign.attempt
}

/** What a test may say differently in a manifest. */
export interface ManifestFacts {
  readonly attemptId: string
  readonly jobId: string
  readonly agentId: string
  readonly databaseId: string
  readonly dataAsOf: number
  readonly backupId: string
  readonly startedAt: number
}

/** A success with a manifest that holds. */
export function successOf(
  assign: Assign,
  agent: Pick<FakeAgent, 'agentId' | 'hostname'>,
  over: Partial<ManifestFacts> = {},
): Result {
  const ref = refOf(assign)
  if (assign.spec?.$case !== 'backup') throw new Error('not an offer of a backup')
  const spec = assign.spec.value
  const now = Date.now()
  const place = {
    cluster: spec.clusterName,
    database: spec.databaseName,
    at: now,
    class: 'daily' as const,
    attemptId: ref.attemptId,
  }
  const prefix = attemptPrefix(place)
  const manifest = {
    format: 'holdfast.backup',
    version: 1,
    backup_id: over.backupId ?? spec.backupId,
    attempt_id: over.attemptId ?? ref.attemptId,
    job_id: over.jobId ?? ref.jobId,
    epoch: ref.epoch,
    scope: spec.scope,
    kind: 'full',
    requires: [],
    cluster: { id: spec.clusterId, name: spec.clusterName, evidence: [] },
    instance: { id: spec.instance?.instanceId, host: '127.0.0.1', port: 5432 },
    databases:
      spec.scope === 'cluster' ? [] : [{ id: over.databaseId ?? spec.databaseId, name: spec.databaseName }],
    agent: { id: over.agentId ?? agent.agentId, host: agent.hostname, version: '0.0.0-fake' },
    engine: { kind: 'postgres', server_version: '15.8', tools: [] },
    data_as_of: over.dataAsOf ?? now,
    started_at: over.startedAt ?? now,
    committed_at: now,
    clock_offset_ms: 0,
    streams: [
      {
        name: '000-full',
        format: 'pgdump',
        codecs: ['zstd'],
        raw_bytes: '100',
        stored_bytes: '40',
        objects: [
          {
            key: `${prefix}000-full.pgdump.zst`,
            size: '40',
            parts: [{ size: 40, sha256: createHash('sha256').update(ref.attemptId).digest('hex') }],
          },
        ],
        stages: [],
      },
    ],
    raw_bytes: '100',
    stored_bytes: '40',
    requirements: {},
    encryption: { kind: 'none' },
    class: 'daily',
    signatures: [],
  }
  const bytes = Buffer.from(JSON.stringify(manifest))
  readManifestStrictly(bytes)
  return {
    ...emptyResult(ref),
    outcome: 'succeeded',
    manifest: bytes,
    manifestKey: manifestKey(now, ref.attemptId),
    destination: spec.destination?.name ?? '',
    startedAt: now,
    endedAt: now,
    rawBytes: 100,
    storedBytes: 40,
    attemptPrefix: prefix,
  }
}

/** A failure, with what it left behind. */
export function failureOf(assign: Assign, code = 'stage.failed', debris: readonly string[] = []): Result {
  const ref = refOf(assign)
  return {
    ...emptyResult(ref),
    kind: assign.kind,
    outcome: 'failed',
    failure: { code, message: 'the fake failed', hint: '', context: [], problems: [] },
    debris: [...debris],
    attemptPrefix: prefixOf(assign),
    destination: assign.spec?.$case === 'backup' ? (assign.spec.value.destination?.name ?? '') : '',
  }
}

/** Where the objects of an offered attempt would lie. */
export function prefixOf(assign: Assign): string {
  const ref = refOf(assign)
  return `v1/data/c~0123456789/d~0123456789/2026/11/22/d~0123456789_daily_20261122_020000Z_${ref.attemptId}/`
}

/** A result that says nothing yet. */
export function emptyResult(ref: AttemptRef): Result {
  return {
    resultId: newId('result'),
    attempt: ref,
    kind: JobKind.BACKUP,
    outcome: '',
    failure: undefined,
    manifest: Buffer.alloc(0),
    manifestKey: '',
    destination: '',
    startedAt: 0,
    endedAt: 0,
    rawBytes: 0,
    storedBytes: 0,
    debris: [],
    attemptPrefix: '',
    peakRssBytes: 0,
    copies: [],
    warnings: [],
    hooks: [],
    verify: undefined,
    keysUsed: [],
    observed: undefined,
  }
}
