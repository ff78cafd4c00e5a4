import { describe, expect, test } from 'vitest'
import { selectsCluster } from '../../../coordinator/fleet/cluster-selector.ts'

const cluster = { name: 'orders-db@host1' }
const instance = (over = {}) => ({
  ...{ service: 'orders-db', datacenter: 'ams', engine: 'postgres' as const, tags: ['team-a', 'prod'] },
  ...over,
})

describe('which clusters a selector covers', () => {
  test.each([
    [{ service: ['orders-*'] }, true],
    [{ service: ['billing-*'] }, false],
    [{ cluster: ['orders-db@*'], tag: ['team-a'] }, true],
    [{ tag: ['team-a'], datacenter: ['fra'] }, false],
    [{ tag: ['team-b', 'team-a'] }, true],
    [{ engine: ['postgres'] }, true],
    [{ colour: ['*'] }, false],
  ])('%j: %s', (selector, covered) => {
    expect(selectsCluster(selector, cluster, [instance()])).toBe(covered)
  })

  test('one server of another team keeps the whole cluster from being seen', () => {
    const servers = [instance(), instance({ tags: ['team-b'] })]
    expect(selectsCluster({ tag: ['team-a'] }, cluster, servers)).toBe(false)
  })

  test('what is gone counts only when all is gone', () => {
    const gone = instance({ tags: ['team-b'], goneSince: 5 })
    expect(selectsCluster({ tag: ['team-a'] }, cluster, [instance(), gone])).toBe(true)
    expect(selectsCluster({ tag: ['team-b'] }, cluster, [gone])).toBe(true)
  })

  test('a cluster without servers is covered by nothing', () => {
    expect(selectsCluster({ cluster: ['*'] }, cluster, [])).toBe(false)
  })
})
