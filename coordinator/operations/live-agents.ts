import type { AgentId, AttemptId, InstanceId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis, Now } from '../../shared/time/index.ts'
import type { ListeningServer } from '../fleet/unregistered.ts'
import type { AttemptRef } from '../jobs/event.ts'
import type { Attempt } from '../jobs/job.ts'
import {
  beatsJudged,
  believe,
  type Doubt,
  type HostClaim,
  type StatedCapacity,
} from '../planner/host-claim.ts'
import type { AgentRecord } from '../store/records.ts'
import { Clones } from './clones.ts'

/** What an agent says it is working on. */
export interface RunningRef extends AttemptRef {
  readonly jobId: JobId
}

/** What is known of an agent now, beside its row. */
export interface LiveAgent {
  readonly id: AgentId
  /** `silent` after three missed heartbeats while its stream stands, `away` without a stream. */
  readonly state: 'connected' | 'silent' | 'away' | 'refused'
  readonly connected: boolean
  readonly lastSeenAt: Millis
  readonly running: readonly JobId[]
  readonly spooledResults: number
  readonly draining: boolean
  readonly load1: number
  readonly memoryAvailableBytes: number
  /** Whether the agent says itself that it takes nothing new. */
  readonly drainTaken: boolean
  /** What it says of its host, as far as it is believed; absent: nothing. */
  readonly host?: HostNow
  /** Ours minus its clock by its heartbeats; absent until a few agreed. */
  readonly clockOffset?: Duration
}

/** What an agent says of its host, as far as it is believed, and when it did. */
export interface HostNow {
  readonly claim: HostClaim
  readonly doubts: readonly Doubt[]
  readonly at: Millis
}

/** Heartbeats a clock is judged by. */
const offsetsKept = 3

interface Entry {
  record: AgentRecord
  connected: boolean
  heardWall: Millis
  heardMono: Millis
  running: readonly RunningRef[]
  /** Whether a heartbeat came on this stream: only it tells what is in hand now. */
  beaten: boolean
  spooledResults: number
  load1: number
  memoryAvailableBytes: number
  draining: boolean
  drainTaken: boolean
  host: HostNow | undefined
  /** Capacities of the last beats, over reconnections: what changes each time is not believed. */
  stated: readonly StatedCapacity[]
  /** Its clock against ours as the last heartbeats told it; the nearest one is least delayed. */
  offsets: readonly Duration[]
  /** Whether the alert about its silence is open, as last committed. */
  silenceTold: boolean
  touched: boolean
  /** Database servers on its host, and since when it tells of each in this term. */
  listening: ReadonlyMap<string, { readonly server: ListeningServer; readonly since: Millis }>
}

/**
 * Who was heard of, when and with what in hand: memory only (architecture §12), its clocks start anew with
 * every term, so that nobody is called silent for the time before.
 */
export class LiveAgents {
  readonly clones = new Clones()
  readonly #entries = new Map<AgentId, Entry>()
  #verifiers: readonly AgentRecord[] | undefined
  readonly #silentAfter: Duration
  readonly #lags = new Map<InstanceId, Duration>()
  readonly #announced = new Map<AttemptId, { readonly agentId: AgentId; readonly until: Millis }>()

  /** @param silentAfter three missed heartbeats */
  constructor(silentAfter: Duration) {
    this.#silentAfter = silentAfter
  }

  /** An agent known from the store; it counts as heard of now. */
  remember(record: AgentRecord, silenceTold: boolean, now: Now): void {
    this.#verifiers = undefined
    this.#entries.set(record.id, { ...fresh(record, now), heardWall: record.lastSeenAt, silenceTold })
  }

  /** It said Hello on a new stream. */
  connect(record: AgentRecord, running: readonly RunningRef[], now: Now): void {
    const known = this.#entries.get(record.id)
    this.#verifiers = undefined
    this.#entries.set(record.id, {
      ...fresh(record, now),
      connected: true,
      running,
      silenceTold: known?.silenceTold ?? false,
      host: known?.host,
      stated: known?.stated ?? [],
      listening: known?.listening ?? new Map(),
      touched: true,
    })
  }

  /**
   * An agent that says Hello still has these in hand, at work or with a result that follows: until that is
   * settled nobody else may be given their jobs, or an attempt that is as good as done is done twice (J6).
   */
  announce(refs: readonly AttemptRef[], mono: Millis, patience: Duration): void {
    for (const [id, { until }] of this.#announced) if (until <= mono) this.#announced.delete(id)
    for (const { attemptId, agentId } of refs)
      this.#announced.set(attemptId, { agentId, until: mono + patience })
  }

  /** Whether what became of an attempt is about to be told by its own agent. */
  isAnnounced(attempt: Attempt, mono: Millis): boolean {
    const told = this.#announced.get(attempt.id)
    return told !== undefined && told.agentId === attempt.agentId && mono < told.until
  }

  /** Its result was answered. */
  settled(attemptId: string): void {
    this.#announced.delete(attemptId as AttemptId)
  }

  /** How far a replica was behind, by its newest inventory of this term; undefined: it could not be told. */
  noteLag(id: InstanceId, lag: Duration | undefined): void {
    if (lag === undefined) this.#lags.delete(id)
    else this.#lags.set(id, lag)
  }

  lagOf(id: InstanceId): Duration | undefined {
    return this.#lags.get(id)
  }

  disconnect(id: AgentId): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) entry.connected = false
  }

  /** Any frame proves life. */
  heard(id: AgentId, now: Now): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    entry.heardMono = now.mono
    entry.heardWall = now.wall
    entry.touched = true
  }

  heartbeat(
    id: AgentId,
    beat: {
      readonly running: readonly RunningRef[]
      readonly spooledResults: number
      readonly load1: number
      readonly memoryAvailableBytes: number
      readonly drainTaken: boolean
    },
  ): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) Object.assign(entry, beat, { beaten: true })
  }

  /**
   * What it says of its host. Returns the doubts that are new since its last word.
   */
  noteHost(id: AgentId, claim: HostClaim, at: Millis): readonly Doubt[] {
    const entry = this.#entries.get(id)
    if (entry === undefined) return []
    const { slots, maxRate, partBufferBytes } = claim
    entry.stated = [...entry.stated, { slots, maxRate, partBufferBytes }].slice(-beatsJudged)
    const known = new Set(entry.host?.doubts.map(({ what }) => what))
    entry.host = { ...believe(claim, entry.record.memoryBytes, entry.stated), at }
    return entry.host.doubts.filter(({ what }) => !known.has(what))
  }

  /** Database servers that listen on its host, as it sees them now. */
  noteListening(id: AgentId, servers: readonly ListeningServer[], at: Millis): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    const before = entry.listening
    entry.listening = new Map(
      servers.map(server => {
        const key = JSON.stringify(server)
        return [key, before.get(key) ?? { server, since: at }]
      }),
    )
  }

  /** Every agent that sees database servers on its host. */
  *listening(): Iterable<{
    readonly record: AgentRecord
    readonly servers: Iterable<{ readonly server: ListeningServer; readonly since: Millis }>
  }> {
    for (const { record, listening } of this.#entries.values())
      if (listening.size > 0 && !record.pool) yield { record, servers: listening.values() }
  }

  /** What it says of its host, as far as it is believed. */
  hostOf(id: AgentId): HostNow | undefined {
    return this.#entries.get(id)?.host
  }

  /**
   * Whether a living agent has nothing to do with an attempt any more: it neither works on it nor has a result
   * that waits. What it journals it names, so that a lost attempt it does not name never comes to an end.
   */
  hasLetGo(id: AgentId, attemptId: AttemptId, now: Now): boolean {
    const entry = this.#entries.get(id)
    if (entry === undefined || !entry.connected || !entry.beaten || this.isSilent(id, now)) return false
    const announced = this.#announced.get(attemptId)
    if (entry.spooledResults > 0 || (announced !== undefined && now.mono < announced.until)) return false
    return entry.running.every(each => each.attemptId !== attemptId)
  }

  /** What a heartbeat says of the agent's clock: ours when it came minus its own when it was sent. */
  noteClock(id: AgentId, offset: Duration): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) entry.offsets = [...entry.offsets, offset].slice(-offsetsKept)
  }

  /** How far its clock is from ours; undefined until a few heartbeats agreed: one may have been held up. */
  clockOffset(id: AgentId): Duration | undefined {
    const offsets = this.#entries.get(id)?.offsets ?? []
    if (offsets.length < offsetsKept) return undefined
    return offsets.reduce((nearest, each) => (Math.abs(each) < Math.abs(nearest) ? each : nearest))
  }

  setDraining(id: AgentId, draining: boolean): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    entry.draining = draining
    entry.record = { ...entry.record, draining }
  }

  record(id: AgentId): AgentRecord | undefined {
    return this.#entries.get(id)?.record
  }

  records(): readonly AgentRecord[] {
    return [...this.#entries.values()].map(entry => entry.record)
  }

  /** Those that can start a throw-away server, connected or not: few, asked for with every database. */
  verifiers(): readonly AgentRecord[] {
    this.#verifiers ??= this.records().filter(each => (each.verifyServers ?? []).length > 0)
    return this.#verifiers
  }

  ids(): readonly AgentId[] {
    return [...this.#entries.keys()]
  }

  isConnected(id: AgentId): boolean {
    return this.#entries.get(id)?.connected ?? false
  }

  isSilent(id: AgentId, now: Now): boolean {
    const entry = this.#entries.get(id)
    return entry !== undefined && now.mono - entry.heardMono > this.#silentAfter
  }

  /** How long nothing was heard, by the monotonic clock of this term. */
  silentFor(id: AgentId, now: Now): Duration {
    const entry = this.#entries.get(id)
    return entry === undefined ? 0 : now.mono - entry.heardMono
  }

  /** Wall time it was last heard of, in this term or before. */
  lastSeenAt(id: AgentId): Millis | undefined {
    return this.#entries.get(id)?.heardWall
  }

  /** Agents whose silence began or ended since it was last told. */
  silenceChanges(now: Now): readonly { readonly record: AgentRecord; readonly silent: boolean }[] {
    return [...this.#entries.values()]
      .map(({ record, silenceTold }) => ({ record, silenceTold, silent: this.isSilent(record.id, now) }))
      .filter(each => each.silent !== each.silenceTold)
  }

  tellSilence(id: AgentId, told: boolean): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) entry.silenceTold = told
  }

  /** Agents heard of since the last call, for the one statement that flushes `last_seen`. */
  takeTouched(): Map<AgentId, Millis> {
    const touched = new Map<AgentId, Millis>()
    for (const [id, entry] of this.#entries)
      if (entry.touched) {
        touched.set(id, entry.heardWall)
        entry.touched = false
      }
    return touched
  }

  /** How many have a stream, and how many of those heard of are silent. */
  tally(now: Now): { readonly connected: number; readonly silent: number } {
    let connected = 0
    let silent = 0
    for (const [id, entry] of this.#entries) {
      if (entry.connected) connected++
      if (this.isSilent(id, now)) silent++
    }
    return { connected, silent }
  }

  view(id: AgentId, now: Now): LiveAgent | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined) return undefined
    const silent = this.isSilent(id, now)
    const offset = this.clockOffset(id)
    return {
      id,
      state: silent ? 'silent' : entry.connected ? 'connected' : 'away',
      connected: entry.connected,
      lastSeenAt: entry.heardWall,
      running: entry.running.map(each => each.jobId),
      spooledResults: entry.spooledResults,
      draining: entry.draining,
      load1: entry.load1,
      memoryAvailableBytes: entry.memoryAvailableBytes,
      drainTaken: entry.drainTaken,
      ...(entry.host === undefined ? {} : { host: entry.host }),
      ...(offset === undefined ? {} : { clockOffset: offset }),
    }
  }
}

function fresh(record: AgentRecord, now: Now): Entry {
  return {
    record,
    connected: false,
    heardWall: now.wall,
    heardMono: now.mono,
    running: [],
    beaten: false,
    spooledResults: 0,
    load1: 0,
    memoryAvailableBytes: 0,
    draining: record.draining,
    drainTaken: false,
    host: undefined,
    stated: [],
    offsets: [],
    silenceTold: false,
    touched: false,
    listening: new Map(),
  }
}
