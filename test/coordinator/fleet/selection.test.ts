import { expect, test } from 'vitest'
import { FleetMap } from '../../../coordinator/fleet/fleet-map.ts'
import { selectionKeys, selectionOf } from '../../../coordinator/fleet/selection.ts'
import { parseSelector } from '../../../shared/model/filter.ts'
import { cluster, database, instance } from '../../conformance/store-records.ts'

const everybody = () => true

/** orders in ams with a replica in fra, shop in fra, and old that is gone. */
function fleet() {
  const map = new FleetMap()
  const [orders, shop, old] = [
    cluster({ name: 'orders@a' }),
    cluster({ name: 'shop@b' }),
    cluster({ name: 'old@c' }),
  ]
  for (const each of [orders, shop, old]) map.setCluster(each)
  const servers = [
    instance({ clusterId: orders.id, service: 'orders', datacenter: 'ams', tags: ['prod'] }),
    instance({ clusterId: orders.id, service: 'orders', datacenter: 'fra', tags: [] }),
    instance({ clusterId: shop.id, service: 'shop', datacenter: 'fra', engine: 'mariadb' }),
    instance({ clusterId: old.id, service: 'old', datacenter: 'fra', goneSince: 1 }),
  ]
  for (const each of servers) map.setInstance(each)
  const picked = (text: string, sees: (id: string) => boolean = everybody) => {
    const selector = parseSelector(text, selectionKeys)
    if (typeof selector === 'string') throw new Error(selector)
    const selection = selectionOf(selector, sees, map)
    return {
      clusters: [orders, shop, old].filter(each => selection.cluster(each.id)).map(each => each.name),
      servers: servers.filter(each => selection.instance(each)).length,
      selection,
    }
  }
  return { orders, shop, picked }
}

test.each([
  ['service=orders', ['orders@a'], 2],
  ['datacenter=fra', ['orders@a', 'shop@b', 'old@c'], 3],
  // both of one server: the one in fra has no such tag
  ['datacenter=fra,tag=prod', [], 0],
  ['datacenter=ams,tag=prod', ['orders@a'], 1],
  ['service=orders,service=shop', ['orders@a', 'shop@b'], 3],
  ['cluster=*@b,engine=mariadb', ['shop@b'], 1],
  ['service=none', [], 0],
] as const)('%s means %j', (text, clusters, servers) => {
  expect(fleet().picked(text)).toMatchObject({ clusters, servers })
})

test('a selector never shows what the scope does not', () => {
  const { shop, picked } = fleet()
  expect(picked('datacenter=fra', id => id === shop.id)).toMatchObject({ clusters: ['shop@b'], servers: 1 })
})

test('databases by name, but for those left out; globals have the empty name', () => {
  const { orders, picked } = fleet()
  const { selection } = picked('service=orders,database=shop*,exclude=*_old')
  const seen = (name: string, clusterId = orders.id) => selection.database(database({ name, clusterId }))
  expect([seen('shop'), seen('shop_old'), seen('billing'), seen('')]).toEqual([true, false, false, false])
  expect(seen('shop', fleet().shop.id)).toBe(false)
  expect(picked('database=*').selection.database({ name: '', clusterId: orders.id })).toBe(true)
})

test.each([
  ['service', 'not of the form'],
  ['servce=a', '`servce` is no key'],
  ['service=', 'service has no pattern'],
  ['service=a,,tag=b', 'not of the form'],
  [Array.from({ length: 101 }, () => 'tag=a').join(','), 'more than 100'],
])('%s is told to be none', (text, problem) => {
  expect(parseSelector(text, selectionKeys)).toContain(problem)
})

test('a comma in a pattern is escaped', () => {
  expect(parseSelector('database=a\\,b,tag=x', selectionKeys)).toEqual({ database: ['a,b'], tag: ['x'] })
})
