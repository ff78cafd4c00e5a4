import type { AgentId, ClusterId } from '../../shared/model/identifiers.ts'
import { evidenceOfOthers } from '../fleet/conflicts.ts'
import { mergeEvidence } from '../fleet/evidence.ts'
import type { DatabaseFacts, Inventory } from '../fleet/inventory-assembly.ts'
import { membershipOf } from '../fleet/membership.ts'
import type { WriteTx } from '../store/port.ts'
import type { ClusterRecord, DatabaseRecord, InstanceRecord } from '../store/records.ts'
import { changeCluster } from './change-cluster.ts'
import { putDatabase, vanish } from './put-database.ts'
import { putCluster, putInstance } from './reconcile-fleet.ts'
import { type Term, write } from './term.ts'

/** Databases of one write: a step holds the event loop on SQLite. */
const page = 25
/** A look that found nothing new is written at most this often. */
const freshness = 3_600_000

export type Inventoried =
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly reason: string; readonly foreign: boolean }

/**
 * Takes in an instance's databases: new ones get their RPO clock, vanished ones a tombstone, those that came
 * back lose it. A renamed database is a vanished and a new one whose evidence (its oid) tells of each other:
 * names and identities are shown, never merged silently (architecture §3). Only the agent that answers for an
 * instance may speak of it.
 */
export function recordInventory(agentId: AgentId, inventory: Inventory, term: Term): Promise<Inventoried> {
  // two generations of one instance at a time would both find the same database new
  return term.inventories.run(inventory.instanceId, () => takeIn(agentId, inventory, term))
}

async function takeIn(agentId: AgentId, inventory: Inventory, term: Term): Promise<Inventoried> {
  let instance = term.fleet.instance(inventory.instanceId)
  if (instance === undefined || instance.agentId !== agentId)
    return { kind: 'refused', reason: 'instance-of-another-agent', foreign: true }
  if (inventory.failure !== undefined || inventory.facts === undefined) {
    await recordFailure(instance, inventory, term)
    return { kind: 'taken' }
  }
  const { facts, databases } = inventory
  // before any database is taken in: a replica's databases are its cluster's
  const membership = membershipOf(instance, facts, term.fleet)
  if (membership.kind !== 'stay') instance = await changeCluster(instance, membership, term)
  const { id, clusterId } = instance
  term.live.noteLag(id, facts.replicationLagMs)
  await write(term, 'inventory', async tx => {
    const cluster = await tx.clusters.get(clusterId)
    if (cluster !== undefined) await noteCluster(tx, cluster, inventory, term)
    if (facts.hasGlobals) await seenGlobals(tx, clusterId, term)
  })
  const byName = new Map(databases.filter(usable).map(each => [each.name, each]))
  const known = new Map(
    term.fleet
      .databasesOf(clusterId)
      .filter(each => each.record.scope === 'database')
      .map(each => [each.record.name, each.record]),
  )
  const entries = [...byName.values()]
  for (let i = 0; i < entries.length; i += page)
    await write(term, 'inventory', async tx => {
      for (const found of entries.slice(i, i + page))
        await seen(tx, clusterId, known.get(found.name), found, term)
    })
  const vanished = [...known.values()].filter(each => each.goneSince === undefined && !byName.has(each.name))
  for (let i = 0; i < vanished.length; i += page)
    await write(term, 'inventory', async tx => {
      for (const record of vanished.slice(i, i + page)) await vanish(tx, record, term)
    })
  // last: an instance counts as inventoried once all of it was taken in
  await write(term, 'inventory', async tx => {
    const fresh = await tx.instances.get(id)
    if (fresh === undefined) return
    const { inventoryFailure: _, ...rest } = fresh
    await putInstance(
      tx,
      {
        ...rest,
        serverVersion: facts.serverVersion,
        role: facts.role,
        missingPrivileges: facts.missingPrivileges,
        inventoriedAt: term.clock.now().wall,
      },
      term,
    )
  })
  return { kind: 'taken' }
}

async function recordFailure(instance: InstanceRecord, inventory: Inventory, term: Term): Promise<void> {
  const failure = inventory.failure
  if (failure === undefined) return
  if (JSON.stringify(instance.inventoryFailure) === JSON.stringify(failure)) return
  await write(term, 'inventory', async tx => {
    const fresh = await tx.instances.get(instance.id)
    if (fresh !== undefined) await putInstance(tx, { ...fresh, inventoryFailure: failure }, term)
  })
}

async function noteCluster(
  tx: WriteTx,
  cluster: ClusterRecord,
  { facts }: Inventory,
  term: Term,
): Promise<void> {
  if (facts === undefined) return
  const at = term.clock.now().wall
  const conflicts = term.fleet
    .clustersWith(facts.evidence)
    .filter(other => other.id !== cluster.id && other.goneSince === undefined)
  const evidence = mergeEvidence(
    cluster.evidence,
    [
      ...facts.evidence,
      // shown, never merged: a staging clone has production's identity
      ...evidenceOfOthers(
        cluster,
        conflicts.map(other => other.id),
      ),
    ],
    at,
    freshness,
  )
  if (conflicts.length > 0 && JSON.stringify(evidence) !== JSON.stringify(cluster.evidence))
    term.log.warn('clusters show the same identity; they stay apart', {
      cluster: cluster.name,
      others: conflicts.map(each => each.name).join(', '),
    })
  // both sides tell of it, whichever was asked last
  for (const { id } of conflicts) {
    const other = await tx.clusters.get(id)
    if (other === undefined) continue
    const told = mergeEvidence(other.evidence, evidenceOfOthers(other, [cluster.id]), at, freshness)
    if (JSON.stringify(told) !== JSON.stringify(other.evidence))
      await putCluster(tx, { ...other, evidence: told }, term)
  }
  const next = { ...cluster, evidence, hasGlobals: cluster.hasGlobals || facts.hasGlobals }
  if (JSON.stringify(next) !== JSON.stringify(cluster)) await putCluster(tx, next, term)
}

async function seenGlobals(tx: WriteTx, clusterId: ClusterId, term: Term): Promise<void> {
  const present = (await tx.databases.ofCluster(clusterId)).find(each => each.scope === 'cluster')
  const at = term.clock.now().wall
  if (present !== undefined && present.goneSince === undefined && at - present.lastSeenAt < freshness) return
  const { goneSince: _, ...rest } = present ?? fresh(clusterId, '', 'cluster', term)
  await putDatabase(tx, { ...rest, lastSeenAt: at }, term)
}

async function seen(
  tx: WriteTx,
  clusterId: ClusterId,
  known: DatabaseRecord | undefined,
  found: DatabaseFacts,
  term: Term,
): Promise<void> {
  const at = term.clock.now().wall
  const { goneSince, ...rest } = known ?? fresh(clusterId, found.name, 'database', term)
  const next: DatabaseRecord = {
    ...rest,
    sizeBytes: found.sizeBytes,
    connectable: found.connectable,
    evidence: mergeEvidence(rest.evidence, found.evidence, at, freshness),
    lastSeenAt: at,
  }
  const changed =
    known === undefined ||
    goneSince !== undefined ||
    JSON.stringify({ ...next, lastSeenAt: 0 }) !== JSON.stringify({ ...known, lastSeenAt: 0 })
  if (changed || at - (known?.lastSeenAt ?? 0) >= freshness) await putDatabase(tx, next, term)
  if (known === undefined || goneSince !== undefined)
    await tx.audit.append({
      at,
      class: 'history',
      actor: 'system',
      action: known === undefined ? 'database.found' : 'database.returned',
      subject: next.id,
      reason: '',
      detail: { name: next.name, cluster_id: next.clusterId },
    })
}

function fresh(
  clusterId: ClusterId,
  name: string,
  scope: 'database' | 'cluster',
  term: Term,
): DatabaseRecord {
  const at = term.clock.now().wall
  return {
    id: term.newId('database'),
    clusterId,
    scope,
    name,
    sizeBytes: 0,
    connectable: true,
    evidence: [],
    firstSeenAt: at,
    lastSeenAt: at,
  }
}

/** A name without a character cannot be a database's; a size is a count. */
function usable(found: DatabaseFacts): boolean {
  return found.name !== '' && found.name.length <= 512 && found.sizeBytes >= 0
}
