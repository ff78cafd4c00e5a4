import {
  type DiscoveredInstance,
  type DiscoverySnapshot,
  instanceKey,
  isSure,
} from '../../shared/discovery/index.ts'
import { readServiceMeta } from '../fleet/service-meta.ts'
import type { WriteTx } from '../store/port.ts'
import type { ClusterRecord, InstanceRecord, KnownEngine } from '../store/records.ts'
import { afterCommit, type Term, write } from './term.ts'

/** Steps of one write: a fleet of thousands comes in pages, so that no step holds the writer long. */
const page = 20

/** A look that found nothing new is written at most this often. */
const freshness = 3_600_000

/**
 * Takes in what a source knows (architecture §4, §13): new instances with a cluster of their own, changed
 * addresses, tombstones for what vanished, their end for what came back. Where the source is failing, in one
 * datacenter or as a whole, nothing is gone and what is known stays as it is.
 */
export async function reconcileFleet(snapshot: DiscoverySnapshot, term: Term): Promise<void> {
  const present = new Map(snapshot.instances.map(each => [instanceKey(each), each]))
  const entries = [...present]
  for (let i = 0; i < entries.length; i += page)
    await write(term, 'reconcile', async tx => {
      for (const [key, found] of entries.slice(i, i + page)) await seen(tx, key, found, snapshot, term)
    })
  const vanished = [...term.fleet.instances()].filter(
    each =>
      each.source === snapshot.source &&
      each.goneSince === undefined &&
      !present.has(each.discoveryKey) &&
      isSure(snapshot, each),
  )
  for (let i = 0; i < vanished.length; i += page)
    await write(term, 'reconcile', async tx => {
      for (const each of vanished.slice(i, i + page)) await gone(tx, each, term)
    })
}

async function seen(
  tx: WriteTx,
  key: string,
  found: DiscoveredInstance,
  snapshot: DiscoverySnapshot,
  term: Term,
): Promise<void> {
  const { source } = snapshot
  const at = term.clock.now().wall
  const known = await tx.instances.byDiscoveryKey(key)
  if (known === undefined) {
    const cluster: ClusterRecord = {
      id: term.newId('cluster'),
      name: `${found.serviceName}@${found.nodeName}`,
      engine: engineOf(found),
      evidence: [],
      hasGlobals: false,
      firstSeenAt: at,
    }
    await putCluster(tx, cluster, term)
    const { role } = readServiceMeta(found.meta).wishes
    const instance: InstanceRecord = {
      id: term.newId('instance'),
      clusterId: cluster.id,
      discoveryKey: key,
      source,
      ...described(found),
      // until the server was asked itself
      ...(role === undefined ? {} : { role }),
      missingPrivileges: [],
      firstSeenAt: at,
      lastSeenAt: at,
    }
    await putInstance(tx, instance, term)
    await audit(tx, at, 'instance.discovered', instance)
    warnOfMeta(instance, term)
    return
  }
  const { goneSince, ...rest } = known
  const next: InstanceRecord = { ...rest, ...described(found), source, lastSeenAt: at }
  const changed = JSON.stringify({ ...next, lastSeenAt: 0 }) !== JSON.stringify({ ...known, lastSeenAt: 0 })
  // the last known of a part that fails was not seen again
  const sure = isSure(snapshot, { datacenter: found.datacenter, service: found.serviceName })
  if (!changed && (!sure || at - known.lastSeenAt < freshness)) return
  await putInstance(tx, next, term)
  if (JSON.stringify(next.meta) !== JSON.stringify(known.meta)) warnOfMeta(next, term)
  if (goneSince === undefined) return
  const cluster = await tx.clusters.get(known.clusterId)
  if (cluster?.goneSince !== undefined) {
    const { goneSince: _, ...back } = cluster
    await putCluster(tx, back, term)
  }
  await audit(tx, at, 'instance.returned', next)
}

async function gone(tx: WriteTx, known: InstanceRecord, term: Term): Promise<void> {
  const at = term.clock.now().wall
  const instance = await tx.instances.get(known.id)
  if (instance === undefined || instance.goneSince !== undefined) return
  await putInstance(tx, { ...instance, goneSince: at }, term)
  await audit(tx, at, 'instance.vanished', instance)
  const others = term.fleet.instancesOf(instance.clusterId).filter(each => each.id !== instance.id)
  if (others.some(each => each.goneSince === undefined)) return
  const cluster = await tx.clusters.get(instance.clusterId)
  if (cluster !== undefined) await putCluster(tx, { ...cluster, goneSince: at }, term)
}

function warnOfMeta({ id, service, nodeName, meta }: InstanceRecord, term: Term): void {
  const { problems } = readServiceMeta(meta)
  if (problems.length > 0)
    term.log.warn('service meta says what makes no sense; that part is ignored', {
      instance_id: id,
      service,
      node: nodeName,
      problems,
    })
}

function described(found: DiscoveredInstance) {
  return {
    engine: engineOf(found),
    service: found.serviceName,
    datacenter: found.datacenter,
    nodeId: found.nodeId,
    nodeName: found.nodeName,
    nodeAddress: found.nodeAddress,
    address: found.address,
    port: found.port,
    tags: found.tags,
    meta: found.meta,
  }
}

function engineOf(found: DiscoveredInstance): KnownEngine {
  return found.engine ?? 'unknown'
}

async function audit(tx: WriteTx, at: number, action: string, instance: InstanceRecord): Promise<void> {
  await tx.audit.append({
    at,
    class: 'history',
    actor: 'system',
    action,
    subject: instance.id,
    reason: '',
    detail: { service: instance.service, node: instance.nodeName, source: instance.source },
  })
}

/** Writes an instance and lets memory follow the commit. */
export async function putInstance(tx: WriteTx, instance: InstanceRecord, term: Term): Promise<void> {
  await tx.instances.put(instance)
  afterCommit(term, tx, () => term.fleet.setInstance(instance))
}

/** Writes a cluster and lets memory follow the commit. */
export async function putCluster(tx: WriteTx, cluster: ClusterRecord, term: Term): Promise<void> {
  await tx.clusters.put(cluster)
  afterCommit(term, tx, () => term.fleet.setCluster(cluster))
}
