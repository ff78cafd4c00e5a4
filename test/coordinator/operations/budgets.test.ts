import { describe, expect, test } from 'vitest'
import { waitUntil } from '../../harness/index.ts'
import { discovered, running } from '../running.ts'

/** Two databases of one cluster that may both be at work, as far as their cluster goes. */
async function two(budgets: Record<string, unknown>, hostname = 'host1') {
  const fleet = await running({ slots_per_agent: 4, budgets: { cluster: { slots: 4 }, ...budgets } })
  fleet.source.show([discovered({ address: '10.0.0.7' })])
  const agent = await fleet.agent({ hostname, addresses: ['10.0.0.7'] })
  const watch = await agent.next('watch', each => each.instances.length > 0)
  const names = ['orders', 'stock']
  agent.inventory(watch.instances[0]?.instanceId ?? '', names, { sizeBytes: 4e9 })
  const first = await agent.next('assign')
  await agent.accept(first)
  return { fleet, agent, first, [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose]() }
}

/** Why the other one waits. */
async function whyOf({ fleet, first }: Awaited<ReturnType<typeof two>>, code: string) {
  return waitUntil(
    async () => {
      const { items } = await fleet.store.read.jobs({ size: 10 }, { open: true })
      const other = items.find(each => each.id !== first.attempt?.jobId)
      return other && (await fleet.store.read.decisions(other.id)).find(each => each.code === code)
    },
    { what: `the other one to wait for ${code}` },
  )
}

describe('a budget of the configuration', () => {
  test.each([
    ['host', { host: { slots: 1 } }, 'no-slot', 'host1'],
    ['one host, as its agent calls it', { hosts: { host1: { slots: 1 } } }, 'no-slot', 'host1'],
    ['site', { site: { slots: 1 } }, 'site-slots', 'dc1'],
    ['one site', { sites: { dc1: { slots: 1 } } }, 'site-slots', 'dc1'],
    ['destination', { destination: { slots: 1 } }, 'destination-slots', 'main'],
    // four gigabytes nobody has backed up yet: some 10 MB/s each, by the planner's own reckoning
    ['rate of a host', { host: { max_rate: '12MB' } }, 'host-rate', 'host1'],
    ['rate of a site', { sites: { dc1: { max_rate: '12MB' } } }, 'site-rate', 'dc1'],
    ['rate of a destination', { destinations: { main: { max_rate: '12MB' } } }, 'destination-rate', 'main'],
    ['rate of a cluster', { cluster: { slots: 4, max_rate: '12MB' } }, 'cluster-rate', ''],
  ])('%s holds the second backup back, and its story says so', async (_title, budgets, code, subject) => {
    await using world = await two(budgets)
    const told = await whyOf(world, code)
    if (subject !== '') expect(told.subject).toBe(subject)
    expect(world.agent.count('assign')).toBe(1)
  })

  test('of a host that discovery names otherwise than its agent is of that host', async () => {
    await using world = await two({ hosts: { host1: { slots: 1 } } }, 'db-7.internal')
    expect(await whyOf(world, 'no-slot')).toMatchObject({ numbers: { used: 1, slots: 1 } })
  })
})
