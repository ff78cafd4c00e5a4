import type { ClusterId } from '../../shared/model/identifiers.ts'
import { matcherOf } from '../policy/pattern.ts'
import type { DatabaseRecord, InstanceRecord, Labels } from '../store/records.ts'
import { clusterSelectorKeys, instanceSelector } from './cluster-selector.ts'
import type { FleetMap } from './fleet-map.ts'

/** The keys of a selector of a list: a scope's, and as in a policy which databases and which not. */
export const selectionKeys = [...clusterSelectorKeys, 'database', 'exclude'] as const

/** What of the fleet somebody asks for and may see. */
export interface Selection {
  cluster(id: ClusterId): boolean
  /** The server itself, not only one of its cluster's. */
  instance(instance: InstanceRecord): boolean
  database(database: Pick<DatabaseRecord, 'clusterId' | 'name'>): boolean
  /** It asks for names of databases, not only for clusters. */
  readonly byName: boolean
}

/**
 * What a selector means in a fleet, within what may be seen. A list shows a cluster when any server of it matches,
 * those in discovery before those that are gone: unlike a scope, which asks every one of them, it only narrows what
 * may be seen anyhow. Of a cluster's globals the name is empty, as for policies.
 *
 * @param sees the caller's scope
 */
export function selectionOf(selector: Labels, sees: (id: ClusterId) => boolean, fleet: FleetMap): Selection {
  const { database: databases, exclude, ...ofServers } = selector
  const servers = instanceSelector(ofServers)
  const [named, left] = [databases?.map(matcherOf), exclude?.map(matcherOf)]
  const known = new Map<ClusterId, boolean>()
  const judge = (id: ClusterId): boolean => {
    const record = fleet.cluster(id)
    if (record === undefined || !sees(id)) return false
    if (Object.keys(ofServers).length === 0) return true
    const instances = fleet.instancesOf(id)
    const present = instances.filter(each => each.goneSince === undefined)
    return (present.length > 0 ? present : instances).some(each => servers(record, each))
  }
  const cluster = (id: ClusterId): boolean => {
    const before = known.get(id)
    if (before !== undefined) return before
    const judged = judge(id)
    known.set(id, judged)
    return judged
  }
  return {
    cluster,
    instance: each => {
      const record = fleet.cluster(each.clusterId)
      return record !== undefined && sees(each.clusterId) && servers(record, each)
    },
    // as `selectsName` of policies judges
    database: ({ clusterId, name }) =>
      cluster(clusterId) &&
      named?.some(fits => fits(name)) !== false &&
      left?.some(fits => fits(name)) !== true,
    byName: named !== undefined || left !== undefined,
  }
}
