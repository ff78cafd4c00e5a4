import { describe, expect, test } from 'vitest'
import type { FleetMap } from '../../../coordinator/fleet/fleet-map.ts'
import type { CallContext } from '../../../coordinator/rpc/handle.ts'
import type { OperatorDeps } from '../../../coordinator/rpc/operator/deps.ts'
import { listTrends } from '../../../coordinator/rpc/operator/trends.ts'
import type { Store } from '../../../coordinator/store/port.ts'
import { trendOrders } from '../../../coordinator/store/records.ts'
import { trendOf } from '../../../coordinator/trends/index.ts'
import type { ClusterId } from '../../../shared/model/identifiers.ts'
import { cluster, database, state } from '../../conformance/store-records.ts'
import { fleetOf } from '../fleet-of.ts'
import { freshStore } from '../store/fresh-store.ts'

const day = 86_400_000
const start = 1_800_000_000_000
const everything = { scope: { kind: 'fleet' } } as unknown as CallContext

/** A database with a backup a day for ten days, the last one on day `until`. */
async function put(store: Store, name: string, bytes: number, until: number) {
  const home = cluster({ name: `${name}@host` })
  const record = database({ name, clusterId: home.id })
  const samples = Array.from({ length: 10 }, (_, i) => ({
    at: start + (until - 9 + i) * day,
    rawBytes: bytes + i,
    storedBytes: 1,
    durationMs: 1_000,
  }))
  const trend = trendOf(samples)
  await store.write('x', async tx => {
    await tx.clusters.put(home)
    await tx.databases.put(record)
    await tx.databases.putHistory({ databaseId: record.id, samples })
    await tx.databases.putState(
      state({ databaseId: record.id, lastRawBytes: bytes + 9, ...(trend === undefined ? {} : { trend }) }),
    )
  })
  return home.id
}

function asking(store: Store, context: CallContext = everything, fleet?: FleetMap) {
  const list = listTrends({ store, operations: { fleet: () => fleet } } as unknown as OperatorDeps)
  return (filter = '', sort = '', page: { pageSize?: number; pageToken?: string } = {}) =>
    list({ pageSize: 0, pageToken: '', filter, sort, ...page }, context)
}

describe('ListTrends', () => {
  test('growth is by the week, points from when was asked; who has none since then is left out', async () => {
    await using fresh = await freshStore()
    await put(fresh.store, 'old', 9_000, 0)
    await put(fresh.store, 'young', 5_000, 30)
    const ask = asking(fresh.store)
    expect((await ask()).trends.map(each => each.name)).toEqual(['old', 'young'])
    const [young, ...others] = (await ask(`since=${start + 29 * day}`)).trends
    expect(others).toEqual([])
    expect(young).toMatchObject({
      name: 'young',
      service: 'young@host',
      samples: 10,
      rawGrowth: { perWeek: 7, steady: true },
      durationGrowth: { perWeek: 0, steady: false },
      outgrowsAt: 0,
    })
    expect(young?.points.map(each => each.rawBytes)).toEqual([5_008, 5_009])
  })

  test('page after page to the end; a page of another order is refused', async () => {
    await using fresh = await freshStore()
    for (const n of [1, 2, 3]) await put(fresh.store, `db${n}`, n * 1_000, 0)
    const ask = asking(fresh.store)
    const names: string[] = []
    let pageToken = ''
    do {
      const page = await ask('', 'size', { pageSize: 2, pageToken })
      names.push(...page.trends.map(each => each.name))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(names).toEqual(['db3', 'db2', 'db1'])
    const { nextPageToken } = await ask('', 'size', { pageSize: 1 })
    await expect(ask('', 'growth', { pageToken: nextPageToken })).rejects.toMatchObject({
      code: 'page-token.invalid',
    })
  })

  test('what lies outside the scope does not exist', async () => {
    await using fresh = await freshStore()
    const mine = await put(fresh.store, 'mine', 1, 0)
    await put(fresh.store, 'theirs', 2, 0)
    const scope = { kind: 'clusters', clusterIds: new Set([mine] as readonly ClusterId[]) }
    const context = { scope } as unknown as CallContext
    const { trends } = await asking(fresh.store, context, await fleetOf(fresh.store))()
    expect(trends.map(each => each.name)).toEqual(['mine'])
    expect(trends[0]?.points).toHaveLength(10)
    // a standby does not know the fleet, and shows nothing rather than too much
    await expect(asking(fresh.store, context)()).rejects.toMatchObject({ code: 'leader.none' })
  })

  test('of the leader the same as of the store, in every order', async () => {
    await using fresh = await freshStore()
    for (const n of [1, 2, 3]) await put(fresh.store, `db${n}`, n * 1_000, 0)
    const known = asking(fresh.store, everything, await fleetOf(fresh.store))
    for (const order of trendOrders) {
      const { trends } = await asking(fresh.store)('', order)
      expect((await known('selector=database=db*', order)).trends).toEqual(trends)
    }
    expect((await known('selector=database=db2')).trends.map(each => each.name)).toEqual(['db2'])
  })

  test.each([
    ['since=yesterday', '', 'filter'],
    ['since=-1', '', 'filter'],
    ['name=a', '', 'filter'],
    ['', 'weight', 'sort'],
  ])('filter `%s` sorted by `%s` is refused by its name', async (filter, sort, field) => {
    await using fresh = await freshStore()
    await expect(asking(fresh.store)(filter, sort)).rejects.toMatchObject({
      code: 'request.invalid',
      context: { field },
    })
  })
})
