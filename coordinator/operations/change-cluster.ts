import type { ClusterId } from '../../shared/model/identifiers.ts'
import type { Membership } from '../fleet/membership.ts'
import type { InstanceRecord } from '../store/records.ts'
import { vanish } from './put-database.ts'
import { putCluster, putInstance } from './reconcile-fleet.ts'
import { type Term, write } from './term.ts'

/** Databases of one write. */
const page = 25

/**
 * Moves an instance to the cluster it belongs to. A cluster left without instances gets a tombstone, as its databases
 * do: they are the other cluster's now, and its backups stay listed.
 * @returns the instance as it is then
 */
export async function changeCluster(
  instance: InstanceRecord,
  { kind, clusterId, because }: Exclude<Membership, { kind: 'stay' }>,
  term: Term,
): Promise<InstanceRecord> {
  const from = instance.clusterId
  const moved = await write(term, 'membership', async tx => {
    const fresh = await tx.instances.get(instance.id)
    const target = await tx.clusters.get(clusterId)
    if (fresh === undefined || fresh.clusterId !== from || target === undefined) return undefined
    const at = term.clock.now().wall
    const { joined: _, ...rest } = fresh
    const next: InstanceRecord = {
      ...rest,
      clusterId,
      ...(kind === 'join' ? { joined: { from, because, at } } : {}),
    }
    await putInstance(tx, next, term)
    if (target.goneSince !== undefined) {
      const { goneSince: __, ...back } = target
      await putCluster(tx, back, term)
    }
    await tx.audit.append({
      at,
      class: 'history',
      actor: 'system',
      action: kind === 'join' ? 'instance.joined' : 'instance.left',
      subject: instance.id,
      reason: because,
      detail: { from, to: clusterId },
    })
    return next
  })
  if (moved === undefined) return instance
  term.log.info('an instance changed its cluster', { instance_id: instance.id, from, to: clusterId, because })
  await closeEmpty(from, term)
  return moved
}

async function closeEmpty(clusterId: ClusterId, term: Term): Promise<void> {
  if (term.fleet.instancesOf(clusterId).some(each => each.goneSince === undefined)) return
  const left = term.fleet.databasesOf(clusterId).filter(each => each.record.goneSince === undefined)
  for (let i = 0; i < left.length; i += page)
    await write(term, 'membership', async tx => {
      for (const { record } of left.slice(i, i + page)) await vanish(tx, record, term)
    })
  await write(term, 'membership', async tx => {
    const cluster = await tx.clusters.get(clusterId)
    if (cluster !== undefined && cluster.goneSince === undefined)
      await putCluster(tx, { ...cluster, goneSince: term.clock.now().wall }, term)
  })
}
