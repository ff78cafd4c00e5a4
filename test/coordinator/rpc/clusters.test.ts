import { describe, expect, test } from 'vitest'
import type { CallContext } from '../../../coordinator/rpc/handle.ts'
import { getCluster, listClusters } from '../../../coordinator/rpc/operator/clusters.ts'
import type { OperatorDeps } from '../../../coordinator/rpc/operator/deps.ts'
import type { ClusterId } from '../../../shared/model/identifiers.ts'
import type { Cluster } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { waitUntil } from '../../harness/index.ts'
import { discovered, type Running, running } from '../running.ts'

const everything = { scope: { kind: 'fleet' } } as unknown as CallContext
const identity = '7400000000000000001'

function scopedTo(...ids: readonly string[]): CallContext {
  return {
    scope: { kind: 'clusters', clusterIds: new Set(ids as readonly ClusterId[]) },
  } as unknown as CallContext
}

function asking(fleet: Running, context: CallContext = everything) {
  const deps = { store: fleet.store, operations: fleet.coordinator.operations } as OperatorDeps
  return {
    list: (filter = '', page: { pageSize?: number; pageToken?: string } = {}) =>
      listClusters(deps)({ pageSize: 0, pageToken: '', filter, ...page }, context),
    get: (cluster: string) => getCluster(deps)({ cluster }, context),
  }
}

/** Production, its standby that discovery shows apart, a clone of it, and a server of its own. */
async function fourServers() {
  const fleet = await running()
  const servers = [
    { node: 'prod', role: 'primary', evidence: identity },
    { node: 'standby', role: 'replica', evidence: identity },
    { node: 'staging', role: 'primary', evidence: identity },
    { node: 'other', role: 'primary', evidence: '7400000000000000002' },
  ] as const
  fleet.source.show(servers.map(({ node }) => discovered({ nodeName: node, serviceId: node })))
  for (const { node, role, evidence } of servers) {
    const agent = await fleet.agent({ hostname: node })
    const watch = await agent.next('watch', each => each.instances.length === 1)
    agent.inventory(watch.instances[0]?.instanceId ?? '', ['orders'], { role, evidence })
  }
  await waitUntil(
    async () =>
      (await fleet.store.read.instances({ size: 9 }, {})).items.filter(
        each => each.inventoriedAt !== undefined,
      ).length === servers.length,
    { what: 'all inventories' },
  )
  return fleet
}

function conflictsByName(clusters: readonly Cluster[]) {
  return Object.fromEntries(
    clusters.map(each => [
      each.name,
      each.conflicts.map(({ kind, clusterName }) => `${kind} ${clusterName}`).sort(),
    ]),
  )
}

describe('clusters with their evidence (architecture §3)', () => {
  test('a clone with the identity of production is a conflict on both sides, never a replica, never merged', async () => {
    await using fleet = await fourServers()
    const { clusters } = await asking(fleet).list()
    expect(conflictsByName(clusters)).toEqual({
      'orders-db@prod': ['clone orders-db@staging', 'replica-apart orders-db@standby'],
      'orders-db@staging': ['clone orders-db@prod', 'replica-apart orders-db@standby'],
      'orders-db@standby': ['replica-apart orders-db@prod', 'replica-apart orders-db@staging'],
      'orders-db@other': [],
    })
    for (const { instances, databases } of clusters) expect([instances, databases]).toEqual([1, 1])
    const conflicting = await asking(fleet).list('conflict=true')
    expect(conflicting.clusters.map(each => each.name)).not.toContain('orders-db@other')
    expect((await asking(fleet).list('conflict=false')).clusters.map(each => each.name)).toEqual([
      'orders-db@other',
    ])
  })

  test('a clone that is gone is a conflict that has ended', async () => {
    await using fleet = await fourServers()
    const left = ['prod', 'standby', 'other']
    fleet.source.show(left.map(node => discovered({ nodeName: node, serviceId: node })))
    const conflicts = await waitUntil(
      async () => {
        const found = (await asking(fleet).get('orders-db@prod')).cluster?.conflicts ?? []
        return found.some(each => each.kind === 'ended') ? found : undefined
      },
      { what: 'the end of the conflict' },
    )
    expect(conflicts.find(each => each.kind === 'ended')?.clusterName).toBe('orders-db@staging')
  })

  test('one is found by id or name with its instances; a service of several is ambiguous, none is not found', async () => {
    await using fleet = await fourServers()
    const { get } = asking(fleet)
    const byName = await get('orders-db@prod')
    expect(byName.instances).toMatchObject([{ node: 'prod', role: 'primary' }])
    expect(byName.cluster?.evidence).toMatchObject([{ kind: 'postgres-system-identifier', value: identity }])
    expect((await get(byName.cluster?.clusterId ?? '')).cluster).toEqual(byName.cluster)
    await expect(get('orders-db')).rejects.toMatchObject({ code: 'ambiguous' })
    await expect(get('nobody')).rejects.toMatchObject({ code: 'not-found' })
    await expect(get('')).rejects.toMatchObject({ code: 'request.invalid' })
    await expect(asking(fleet).list('conflict=perhaps')).rejects.toMatchObject({ code: 'request.invalid' })
  })

  test('a narrower scope sees that there is a conflict, not whose it is; what is outside does not exist', async () => {
    await using fleet = await fourServers()
    const prod = (await asking(fleet).get('orders-db@prod')).cluster
    const staging = (await asking(fleet).get('orders-db@staging')).cluster
    const narrow = asking(fleet, scopedTo(prod?.clusterId ?? ''))
    const { clusters } = await narrow.list()
    expect(conflictsByName(clusters)).toEqual({ 'orders-db@prod': ['clone ', 'replica-apart '] })
    expect(JSON.stringify(clusters)).not.toContain(staging?.clusterId)
    await expect(narrow.get(staging?.clusterId ?? '')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('pages lead to the end, each cluster once', async () => {
    await using fleet = await fourServers()
    const names: string[] = []
    let pageToken = ''
    do {
      const answer = await asking(fleet).list('', { pageSize: 1, pageToken })
      names.push(...answer.clusters.map(each => each.name))
      pageToken = answer.nextPageToken
    } while (pageToken !== '')
    expect(names).toEqual(['orders-db@other', 'orders-db@prod', 'orders-db@staging', 'orders-db@standby'])
  })
})
