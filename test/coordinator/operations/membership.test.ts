import { describe, expect, test } from 'vitest'
import type { DiscoveredInstance } from '../../../shared/discovery/index.ts'
import { waitUntil } from '../../harness/index.ts'
import { discovered, type Running, running } from '../running.ts'

type Options = NonNullable<Parameters<Awaited<ReturnType<Running['agent']>>['inventory']>[2]>

/** Servers with an agent each, by the name of their host. */
async function servers(fleet: Running, shown: Readonly<Record<string, Partial<DiscoveredInstance>>>) {
  fleet.source.show(Object.entries(shown).map(([nodeName, over]) => discovered({ nodeName, ...over })))
  let generation = 0
  const agents = new Map<string, { inventory: (names: readonly string[], options: Options) => void }>()
  for (const hostname of Object.keys(shown)) {
    const agent = await fleet.agent({ hostname })
    const watch = await agent.next('watch', each => each.instances.length === 1)
    const id = watch.instances[0]?.instanceId ?? ''
    agents.set(hostname, {
      inventory: (names, options) => agent.inventory(id, names, { generation: ++generation, ...options }),
    })
  }
  const instances = () => fleet.store.read.instances({ size: 20 }, {}).then(page => page.items)
  const clusterOf = async (node: string) =>
    (await instances()).find(each => each.nodeName === node)?.clusterId
  return {
    /** Tells, and waits until it was taken in. */
    tell: async (node: string, names: readonly string[], options: Options) => {
      const before = (await instances()).find(each => each.nodeName === node)?.inventoriedAt ?? 0
      await waitUntil(() => Date.now() > before, { what: 'the clock to go on' })
      agents.get(node)?.inventory(names, options)
      await waitUntil(
        async () => ((await instances()).find(each => each.nodeName === node)?.inventoriedAt ?? 0) > before,
        { what: `the inventory of ${node}` },
      )
    },
    clusterOf,
    together: async (one: string, other: string) => (await clusterOf(one)) === (await clusterOf(other)),
    databases: async () =>
      (await fleet.store.read.databases({ size: 50 }, { gone: false })).items
        .map(each => each.database.name)
        .sort(),
  }
}

const at = (address: string) => ({ address, nodeAddress: address })
const follows = (host: string, port = 5432): Options => ({
  role: 'replica',
  evidence: 'system-1',
  source: { host, port, addresses: [host] },
})

describe('standbys and their primary', () => {
  test('a replica joins the cluster of the server it follows: its databases are counted once', async () => {
    await using fleet = await running()
    const it = await servers(fleet, { p: at('10.0.0.1'), s: at('10.0.0.2') })
    await it.tell('p', ['orders', 'stock'], { evidence: 'system-1' })
    await it.tell('s', ['orders', 'stock'], follows('10.0.0.1'))
    expect(await it.together('p', 's')).toBe(true)
    expect(await it.databases()).toEqual(['orders', 'stock'])
    const { items } = await fleet.store.read.audit({ size: 100 }, { action: 'instance.joined' })
    expect(items).toMatchObject([{ reason: 'it follows 10.0.0.1:5432' }])
    // discovery tells of it again: it stays where it belongs
    fleet.source.show([
      discovered({ nodeName: 'p', ...at('10.0.0.1') }),
      discovered({ nodeName: 's', ...at('10.0.0.2'), tags: ['x'] }),
    ])
    await it.tell('s', ['orders', 'stock'], follows('10.0.0.1'))
    expect(await it.together('p', 's')).toBe(true)
  })

  test('one that told of itself before its primary did is joined later; what it was alone is closed', async () => {
    await using fleet = await running()
    const it = await servers(fleet, { p: at('10.0.0.1'), s: at('10.0.0.2') })
    await it.tell('s', ['orders'], follows('10.0.0.1'))
    await it.tell('p', ['orders'], { evidence: 'system-1' })
    expect(await it.databases()).toEqual(['orders', 'orders'])
    const alone = await it.clusterOf('s')
    await it.tell('s', ['orders'], follows('10.0.0.1'))
    expect(await it.together('p', 's')).toBe(true)
    expect(await it.databases()).toEqual(['orders'])
    expect(
      (await fleet.store.read.clusters({ size: 9 })).items.find(each => each.id === alone)?.goneSince,
    ).toBeDefined()
  })

  test('meta names the cluster of a replica whose source nobody may see', async () => {
    await using fleet = await running()
    const meta = { 'holdfast-cluster': 'orders' }
    const it = await servers(fleet, { p: { ...at('10.0.0.1'), meta }, s: { ...at('10.0.0.2'), meta } })
    await it.tell('p', ['orders'], { evidence: 'system-1' })
    await it.tell('s', ['orders'], { role: 'replica', evidence: 'system-1' })
    expect(await it.together('p', 's')).toBe(true)
  })

  test.each<[string, Options]>([
    ['a staging clone with production’s identity and meta', { evidence: 'system-1' }],
    ['a replica of another identity', { ...follows('10.0.0.1'), evidence: 'system-2' }],
    ['a replica of a server nobody knows', follows('10.9.9.9')],
    ['a replica of another port of that host', follows('10.0.0.1', 5433)],
  ])('%s joins nobody', async (title, options) => {
    await using fleet = await running()
    const meta = title.startsWith('a staging') ? { 'holdfast-cluster': 'orders' } : {}
    const it = await servers(fleet, { p: { ...at('10.0.0.1'), meta }, s: { ...at('10.0.0.2'), meta } })
    await it.tell('p', ['orders'], { evidence: 'system-1' })
    await it.tell('s', ['orders'], options)
    expect(await it.together('p', 's')).toBe(false)
    expect(await it.databases()).toEqual(['orders', 'orders'])
  })

  test('loopback is the replica’s own host, never another', async () => {
    await using fleet = await running()
    const it = await servers(fleet, { p: at('127.0.0.1'), s: at('127.0.0.1') })
    await it.tell('p', ['orders'], { evidence: 'system-1' })
    await it.tell('s', ['orders'], follows('127.0.0.1'))
    expect(await it.together('p', 's')).toBe(false)
  })

  test('a standby that was made a server of its own leaves again; a failover leaves it where it is', async () => {
    await using fleet = await running()
    const it = await servers(fleet, { p: at('10.0.0.1'), s: at('10.0.0.2') })
    await it.tell('p', ['orders'], { evidence: 'system-1' })
    const alone = await it.clusterOf('s')
    await it.tell('s', ['orders'], follows('10.0.0.1'))
    // promoted; the former primary is not heard of
    await it.tell('s', ['orders'], { evidence: 'system-1' })
    await it.tell('s', ['orders'], { evidence: 'system-1' })
    expect(await it.together('p', 's')).toBe(true)
    // it is, and still accepts writes
    await it.tell('p', ['orders'], { evidence: 'system-1' })
    await it.tell('s', ['orders'], { evidence: 'system-1' })
    expect(await it.clusterOf('s')).toBe(alone)
    expect(await it.databases()).toEqual(['orders', 'orders'])
  })
})
