import type { AgentId } from '../../shared/model/identifiers.ts'
import { isoOf, type Millis } from '../../shared/time/index.ts'
import type { FleetMap } from '../fleet/fleet-map.ts'
import type { DatabaseRecord, InstanceRecord, PauseRecord, PauseScope } from '../store/records.ts'
import type { LiveAgents } from './live-agents.ts'

/** The one key of a scope and its subject. */
export function pauseKey(scope: PauseScope, subject: string): string {
  return scope === 'fleet' ? 'fleet' : `${scope}:${subject}`
}

/** What is paused, in memory as last committed. A pause whose time is over holds nothing, though its row is there. */
export class Pauses {
  readonly #pauses = new Map<string, PauseRecord>()

  set(pause: PauseRecord): void {
    this.#pauses.set(pause.key, pause)
  }

  remove(key: string): void {
    this.#pauses.delete(key)
  }

  /** The pause of a scope that holds at `at`. */
  at(scope: PauseScope, subject: string, at: Millis): PauseRecord | undefined {
    const pause = this.#pauses.get(pauseKey(scope, subject))
    return pause === undefined || (pause.until !== undefined && pause.until <= at) ? undefined : pause
  }

  /** Every pause that holds at `at`, in the order of their keys. */
  holding(at: Millis): readonly PauseRecord[] {
    return [...this.#pauses.values()]
      .filter(({ until }) => until === undefined || until > at)
      .sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /** Those whose time was over at `at`. */
  over(at: Millis): readonly PauseRecord[] {
    return [...this.#pauses.values()].filter(({ until }) => until !== undefined && until <= at)
  }

  get none(): boolean {
    return this.#pauses.size === 0
  }
}

interface World {
  readonly fleet: FleetMap
  readonly live: LiveAgents
  readonly pauses: Pauses
}

/**
 * What keeps a database from its scheduled backups: a pause of the fleet, of itself, or of the host or site of each
 * of its instances. One instance elsewhere is enough to go on.
 */
export function pauseOf(database: DatabaseRecord, world: World, at: Millis): PauseRecord | undefined {
  const { pauses, fleet } = world
  if (pauses.none) return undefined
  const whole = pauses.at('fleet', '', at) ?? pauses.at('database', database.id, at)
  if (whole !== undefined) return whole
  const present = fleet.instancesOf(database.clusterId).filter(each => each.goneSince === undefined)
  const held = present.map(each => pauseOfInstance(each, world, at))
  return held.length > 0 && held.every(each => each !== undefined) ? held[0] : undefined
}

/** Those of some agents that may be given scheduled work of a cluster: none on a paused host or for a paused site. */
export function withoutPaused(
  agents: readonly AgentId[],
  clusterId: DatabaseRecord['clusterId'],
  world: World,
  at: Millis,
): readonly AgentId[] {
  if (world.pauses.none) return agents
  const instances = world.fleet.instancesOf(clusterId).filter(each => each.goneSince === undefined)
  return agents.filter(id =>
    instances.some(each => each.agentId === id && pauseOfInstance(each, world, at) === undefined),
  )
}

/** Those of some agents whose own host is not paused: a verification is of no server of the cluster. */
export function onHostsAtWork(
  agents: readonly AgentId[],
  { live, pauses }: Pick<World, 'live' | 'pauses'>,
  at: Millis,
): readonly AgentId[] {
  return agents.filter(id => {
    const agent = live.record(id)
    return [agent?.hostname, agent?.nodeName].every(
      name => name === undefined || pauses.at('host', name, at) === undefined,
    )
  })
}

/** A pause in a sentence, for gaps and the stories of jobs; names instants, never ages. */
export function pauseText({ scope, name, by, reason, until }: PauseRecord): string {
  const what = scope === 'fleet' ? 'the fleet' : `${scope} ${name}`
  return `${what} is paused by ${by}${until === undefined ? '' : ` until ${isoOf(until)}`}: ${reason}`
}

function pauseOfInstance(
  { agentId, nodeName, datacenter }: InstanceRecord,
  { live, pauses }: World,
  at: Millis,
): PauseRecord | undefined {
  const host = agentId === undefined ? undefined : live.record(agentId)?.hostname
  return (
    pauses.at('site', datacenter, at) ??
    (host === undefined ? undefined : pauses.at('host', host, at)) ??
    // discovery may call the host otherwise than its agent does; a person may use either name
    pauses.at('host', nodeName, at)
  )
}
