import type { AgentId, ClusterId, DatabaseId, InstanceId } from '../../shared/model/identifiers.ts'
import type { ClusterRecord, DatabaseRecord, DatabaseStateRecord, InstanceRecord } from '../store/records.ts'

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

  setCluster(cluster: ClusterRecord): void {
    this.#clusters.set(cluster.id, cluster)
  }

  setInstance(instance: InstanceRecord): void {
    const before = this.#instances.get(instance.id)
    if (before !== undefined && before.clusterId !== instance.clusterId)
      this.#instancesOf.get(before.clusterId)?.delete(instance.id)
    this.#instances.set(instance.id, instance)
    into(this.#instancesOf, instance.clusterId, instance.id)
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
    return [...this.#instances.values()]
      .filter(each => each.agentId === agentId && each.goneSince === undefined)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
  }
}

function into<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}

function pick<K, V>(ids: ReadonlySet<K> | undefined, all: ReadonlyMap<K, V>): V[] {
  const picked: V[] = []
  for (const id of ids ?? []) {
    const value = all.get(id)
    if (value !== undefined) picked.push(value)
  }
  return picked
}
