import { lookup } from 'node:dns/promises'
import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import { isEngineKind } from '../../shared/model/engine.ts'
import type { Duration } from '../../shared/time/index.ts'
import { failureToWire } from '../../shared/wire/failure.ts'
import type {
  DatabaseFacts,
  InstanceFacts,
  Watch,
  WatchedInstance,
} from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { Engine, Probe } from '../engines/port.ts'
import { makeScratch } from '../jobs/scratch.ts'
import type { Surroundings } from '../jobs/surroundings.ts'
import { chunked } from './inventory-chunks.ts'
import type { FrameOut } from './session.ts'

/** How long one instance may take to answer, ms. */
const instanceTimeout = 60_000
/** Instances asked at the same time. */
const concurrency = 2

export interface InventoryOptions {
  readonly world: Pick<Surroundings, 'engineFor' | 'targetFor' | 'tools' | 'scratch' | 'clock' | 'log'>
  /** Resolves when there is room for more; false when nobody is there to be told. */
  readonly send: (frame: FrameOut) => Promise<boolean>
  /** In [0, 1), for the jitter of the interval. */
  readonly random: () => number
}

/**
 * Asks the watched instances for their databases, at once and then at intervals, and tells the coordinator in
 * chunks. An instance that cannot be asked is told as a failure: what is known of it stays (P1).
 */
export class Inventories {
  readonly #options: InventoryOptions
  readonly #clock: Clock
  readonly #log: Log
  #watched: readonly WatchedInstance[] = []
  #interval: Duration = 300_000
  #round: AbortController | undefined
  #generation = 0

  constructor(options: InventoryOptions) {
    this.#options = options
    this.#clock = options.world.clock
    this.#log = options.world.log
  }

  /** The instances watched now. */
  get watched(): readonly WatchedInstance[] {
    return this.#watched
  }

  /** A new list replaces the former one, and is gone through at once. */
  watch(watch: Watch): void {
    this.#watched = watch.instances
    this.#restart(true)
  }

  /** How often, from the coordinator's Welcome. */
  setInterval(interval: Duration): void {
    if (interval > 0) this.#interval = interval
  }

  /** Nobody is there to be told. */
  pause(): void {
    this.#round?.abort()
    this.#round = undefined
  }

  #restart(atOnce: boolean): void {
    this.pause()
    const round = new AbortController()
    this.#round = round
    this.#turns(atOnce, round.signal).catch((error: unknown) => {
      if (!round.signal.aborted) this.#log.error('inventory stopped in a way it must not', { error })
    })
  }

  async #turns(atOnce: boolean, signal: AbortSignal): Promise<void> {
    for (let first = atOnce; !signal.aborted; first = false) {
      if (!first) await this.#clock.sleep(this.#interval * (0.9 + 0.2 * this.#options.random()), signal)
      const left = [...this.#watched]
      const ask = async () => {
        for (let next = left.shift(); next !== undefined && !signal.aborted; next = left.shift())
          await this.#tell(next, signal)
      }
      await Promise.all(Array.from({ length: concurrency }, ask))
    }
  }

  async #tell(instance: WatchedInstance, signal: AbortSignal): Promise<void> {
    // grows over restarts too, so that the coordinator can tell the newer of two
    this.#generation = Math.max(this.#generation + 1, this.#clock.now().wall)
    const generation = this.#generation
    const { instanceId } = instance
    const base = { instanceId, generation, failure: undefined, facts: undefined, databases: [] }
    try {
      const { facts, databases } = await this.#ask(instance, signal)
      const chunks = chunked(databases)
      for (const [chunk, part] of chunks.entries()) {
        const sent = await this.#options.send({
          $case: 'inventory',
          value: {
            ...base,
            chunk,
            last: chunk === chunks.length - 1,
            facts: chunk === 0 ? facts : undefined,
            databases: part,
          },
        })
        if (!sent) return
      }
    } catch (thrown) {
      if (signal.aborted) return
      const error = AppError.from(thrown)
      this.#log.warn('an instance could not be inventoried', { instance_id: instanceId, error })
      await this.#options.send({
        $case: 'inventory',
        value: { ...base, chunk: 0, last: true, failure: failureToWire(error) },
      })
    }
  }

  async #ask(
    instance: WatchedInstance,
    signal: AbortSignal,
  ): Promise<{ readonly facts: InstanceFacts; readonly databases: readonly DatabaseFacts[] }> {
    const { world } = this.#options
    if (!isEngineKind(instance.engine))
      throw new AppError('engine.unknown', { context: { engine: instance.engine } })
    const engine = world.engineFor(instance.engine)
    const target = world.targetFor(instance, 'backup')
    const timeout = AbortSignal.timeout(instanceTimeout)
    await using scratch = await makeScratch(world.scratch)
    const context = {
      scratch: scratch.path,
      tools: world.tools,
      signal: AbortSignal.any([signal, timeout]),
    }
    try {
      const probe = await engine.probe(target, context)
      const databases = await engine.inventory(target, context)
      return {
        facts: await factsOf(probe, engine),
        databases: databases.map(({ name, sizeBytes, connectable, evidence }) => ({
          name,
          sizeBytes,
          connectable,
          evidence: [...evidence],
        })),
      }
    } catch (thrown) {
      if (timeout.aborted)
        throw new AppError('database.unreachable', {
          message: `the database server did not answer within ${instanceTimeout / 1_000} s`,
          context: { host: target.host, port: target.port },
          cause: thrown,
        })
      throw thrown
    }
  }
}

async function factsOf(probe: Probe, engine: Engine): Promise<InstanceFacts> {
  const source = probe.replicationSource
  return {
    replicationSource:
      source === undefined ? undefined : { ...source, addresses: await addressesOf(source.host) },
    serverVersion: probe.serverVersion,
    role: probe.role,
    replicationLagMs: Math.max(0, Math.round(probe.replicationLagMs ?? 0)),
    replicationLagUnknown: probe.role === 'replica' && probe.replicationLagMs === undefined,
    evidence: [...probe.evidence],
    clockOffsetMs: Math.round(probe.clockOffsetMs),
    missingPrivileges: [...probe.missingPrivileges],
    hasGlobals: engine.capabilities.globals,
  }
}

/** What a host's name means on this host; none of a socket's folder, or of a name nobody knows. */
async function addressesOf(host: string): Promise<string[]> {
  if (host.startsWith('/')) return []
  try {
    return (await lookup(host, { all: true })).map(each => each.address)
  } catch {
    return []
  }
}
