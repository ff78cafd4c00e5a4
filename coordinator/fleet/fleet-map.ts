import type { IdentityEvidence } from '../../shared/model/engine.ts'
import type { AgentId, ClusterId, DatabaseId, InstanceId } from '../../shared/model/identifiers.ts'
import type { ClusterRecord, DatabaseRecord, DatabaseStateRecord, InstanceRecord } from '../store/records.ts'
import { identitiesOf, identityKey } from './conflicts.ts'

/** A database with what the writer keeps of it. */
export interface KnownDatabase {
  readonly record: DatabaseRecord
  readonly state?: DatabaseStateRecord
}

/**
 * The fleet as last committed, in memory: loaded when a term begins, kept by every commit after. The planner,
 * the matching and the clocks read it, so that no tick scans the store.
 */
export class FleetMap {
  readonly #clusters = new Map<ClusterId, ClusterRecord>()
  readonly #instances = new Map<InstanceId, InstanceRecord>()
  readonly #databases = new Map<DatabaseId, KnownDatabase>()
  readonly #instancesOf = new Map<ClusterId, Set<InstanceId>>()
  readonly #databasesOf = new Map<ClusterId, Set<DatabaseId>>()
  readonly #instancesOfAgent = new Map<AgentId, Set<InstanceId>>()
  readonly #clustersWith = new Map<string, Set<ClusterId>>()

  setCluster(cluster: ClusterRecord): void {
    const { id } = cluster
    const before = this.#clusters.get(id)
    this.#clusters.set(id, cluster)
    if (before?.evidence === cluster.evidence) return
    for (const each of identitiesOf(before?.evidence ?? [])) outOf(this.#clustersWith, identityKey(each), id)
    for (const each of identitiesOf(cluster.evidence)) into(this.#clustersWith, identityKey(each), id)
  }

  setInstance(instance: InstanceRecord): void {
    const { id, clusterId, agentId } = instance
    const before = this.#instances.get(id)
    if (before !== undefined && before.clusterId !== clusterId) outOf(this.#instancesOf, before.clusterId, id)
    if (before?.agentId !== undefined && before.agentId !== agentId)
      outOf(this.#instancesOfAgent, before.agentId, id)
    this.#instances.set(id, instance)
    into(this.#instancesOf, clusterId, id)
    if (agentId !== undefined) into(this.#instancesOfAgent, agentId, id)
  }

  setDatabase(record: DatabaseRecord): void {
    this.#databases.set(record.id, { ...this.#databases.get(record.id), record })
    into(this.#databasesOf, record.clusterId, record.id)
  }

  setState(state: DatabaseStateRecord): void {
    const known = this.#databases.get(state.databaseId)
    if (known !== undefined) this.#databases.set(state.databaseId, { record: known.record, state })
  }

  cluster(id: ClusterId): ClusterRecord | undefined {
    return this.#clusters.get(id)
  }

  instance(id: InstanceId): InstanceRecord | undefined {
    return this.#instances.get(id)
  }

  database(id: DatabaseId): KnownDatabase | undefined {
    return this.#databases.get(id)
  }

  clusters(): Iterable<ClusterRecord> {
    return this.#clusters.values()
  }

  instances(): Iterable<InstanceRecord> {
    return this.#instances.values()
  }

  databases(): Iterable<KnownDatabase> {
    return this.#databases.values()
  }

  instancesOf(clusterId: ClusterId): readonly InstanceRecord[] {
    return pick(this.#instancesOf.get(clusterId), this.#instances)
  }

  databasesOf(clusterId: ClusterId): readonly KnownDatabase[] {
    return pick(this.#databasesOf.get(clusterId), this.#databases)
  }

  /** The row that stands for a cluster's globals. */
  globalsOf(clusterId: ClusterId): KnownDatabase | undefined {
    return this.databasesOf(clusterId).find(each => each.record.scope === 'cluster')
  }

  /** Instances an agent answers for now, tombstones left out, in id order. */
  instancesOfAgent(agentId: AgentId): readonly InstanceRecord[] {
    return pick(this.#instancesOfAgent.get(agentId), this.#instances)
      .filter(each => each.goneSince === undefined)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Clusters that show one of the identities, tombstones too. */
  clustersWith(evidence: readonly IdentityEvidence[]): readonly ClusterRecord[] {
    const ids = new Set(
      identitiesOf(evidence).flatMap(each => [...(this.#clustersWith.get(identityKey(each)) ?? [])]),
    )
    return pick(ids, this.#clusters)
  }
}

function into<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}

function outOf<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key)
  set?.delete(value)
  if (set?.size === 0) sets.delete(key)
}

function pick<K, V>(ids: ReadonlySet<K> | undefined, all: ReadonlyMap<K, V>): V[] {
  const picked: V[] = []
  for (const id of ids ?? []) {
    const value = all.get(id)
    if (value !== undefined) picked.push(value)
  }
  return picked
}
