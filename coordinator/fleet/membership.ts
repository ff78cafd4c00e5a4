import type { IdentityEvidence } from '../../shared/model/engine.ts'
import type { ClusterId } from '../../shared/model/identifiers.ts'
import type { ClusterRecord, InstanceRecord } from '../store/records.ts'
import type { FleetMap } from './fleet-map.ts'
import type { ServerFacts } from './inventory-assembly.ts'
import { readServiceMeta } from './service-meta.ts'

/** Identities that all servers of one cluster have in common; MySQL's and MariaDB's are each server's own. */
const ofTheCluster = ['postgres-system-identifier']

/** What an instance's cluster is to be. */
export type Membership =
  | { readonly kind: 'stay' }
  | { readonly kind: 'join'; readonly clusterId: ClusterId; readonly because: string }
  | { readonly kind: 'leave'; readonly clusterId: ClusterId; readonly because: string }

const stay = { kind: 'stay' } as const

/**
 * Which cluster a server belongs to, from what it tells of itself (architecture §3). A replica joins the cluster of
 * the one server it follows, or the one with a primary that its service meta names. What accepts writes joins nobody:
 * a staging clone has production's identity, and often its service meta too. Nor does a server of another identity.
 *
 * A member that joined leaves for its former cluster when two looks at it, with one at another primary of the cluster
 * in between, found both accepting writes: it was made a server of its own. A failover does not look like that, since
 * the former primary is then not found as one.
 */
export function membershipOf(
  instance: InstanceRecord,
  facts: Pick<ServerFacts, 'role' | 'evidence' | 'replicationSource'>,
  fleet: Pick<FleetMap, 'instances' | 'instancesOf' | 'cluster'>,
): Membership {
  const others = fleet.instancesOf(instance.clusterId).filter(each => isOther(each, instance))
  if (facts.role === 'primary') return leaving(instance, others)
  const possible = [...fleet.instances()].filter(
    each =>
      isOther(each, instance) &&
      each.engine === instance.engine &&
      each.clusterId !== instance.clusterId &&
      isOneIdentity(facts.evidence, fleet.cluster(each.clusterId)),
  )
  const source = facts.replicationSource
  const followed = source === undefined ? [] : possible.filter(each => isAt(each, source, instance))
  const [bySource] = clustersOf(followed)
  if (source !== undefined && bySource !== undefined && clustersOf(followed).length === 1)
    return { kind: 'join', clusterId: bySource, because: `it follows ${source.host}:${source.port}` }
  const { cluster } = readServiceMeta(instance.meta).wishes
  if (cluster === undefined) return stay
  const named = possible.filter(
    each => each.role === 'primary' && readServiceMeta(each.meta).wishes.cluster === cluster,
  )
  const [byMeta] = clustersOf(named)
  return byMeta !== undefined && clustersOf(named).length === 1
    ? { kind: 'join', clusterId: byMeta, because: `its service meta names cluster ${cluster}` }
    : stay
}

function leaving(instance: InstanceRecord, others: readonly InstanceRecord[]): Membership {
  const { joined, role, inventoriedAt: before } = instance
  if (joined === undefined || role !== 'primary' || before === undefined) return stay
  const rival = others.find(
    each =>
      each.role === 'primary' && each.inventoryFailure === undefined && (each.inventoriedAt ?? 0) > before,
  )
  return rival === undefined
    ? stay
    : {
        kind: 'leave',
        clusterId: joined.from,
        because: `it accepts writes beside ${rival.service}@${rival.nodeName}`,
      }
}

function isOther(each: InstanceRecord, instance: InstanceRecord): boolean {
  return each.id !== instance.id && each.goneSince === undefined
}

/** Where identities are the cluster's, one must be shared; unknown is no agreement. */
function isOneIdentity(evidence: readonly IdentityEvidence[], cluster: ClusterRecord | undefined): boolean {
  const common = evidence.filter(each => ofTheCluster.includes(each.kind))
  return (
    common.length === 0 ||
    common.some(
      mine => cluster?.evidence.some(each => each.kind === mine.kind && each.value === mine.value) === true,
    )
  )
}

/** Whether an instance is the server a replica follows. Loopback means the replica's own host. */
function isAt(
  each: InstanceRecord,
  { host, port, addresses }: NonNullable<ServerFacts['replicationSource']>,
  replica: InstanceRecord,
): boolean {
  if (each.port !== port) return false
  const local = [host, ...addresses].every(isOwnHost)
  if (local) return each.nodeName === replica.nodeName && each.nodeId === replica.nodeId
  return [host, ...addresses].some(
    name =>
      !isOwnHost(name) && (name === each.address || name === each.nodeAddress || name === each.nodeName),
  )
}

function isOwnHost(name: string): boolean {
  return name.startsWith('/') || name === 'localhost' || name === '::1' || name.startsWith('127.')
}

function clustersOf(instances: readonly InstanceRecord[]): readonly ClusterId[] {
  return [...new Set(instances.map(each => each.clusterId))]
}
