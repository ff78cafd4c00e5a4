import { describe, expect, test } from 'vitest'
import type { HostResources } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { holdfast as cli } from '../../cli/holdfast.ts'
import { waitUntil } from '../../harness/index.ts'
import { type Running, withDatabase } from '../running.ts'

const holdfast = (fleet: Running, width: number, ...argv: string[]) =>
  cli(argv, { address: `127.0.0.1:${fleet.port}`, width, at: Date.now() })

const resources: HostResources = {
  slots: 1,
  maxRate: 50_000_000,
  partBufferBytes: 512 * 2 ** 20,
  disks: [
    {
      path: '/var',
      purposes: ['state', 'staging'],
      totalBytes: 100 * 2 ** 30,
      freeBytes: 40 * 2 ** 30,
      reserveBytes: 2 ** 31,
    },
    { path: '/data', purposes: ['data'], totalBytes: 2 ** 40, freeBytes: 2 ** 36, reserveBytes: 0 },
  ],
  links: [{ name: 'eth0', receivedBytesPerSecond: 2_048, sentBytesPerSecond: 4_096 }],
  pressure: { cpu: 12.4, io: 0 },
  load1: 0.75,
  memoryAvailableBytes: 2 ** 31,
  yielding: '',
}

describe('what an agent tells of its host', () => {
  test('is shown: capacity, disks, network, pressure, skew, lag, what it runs; and no table is wider than 80 columns', async () => {
    await using world = await withDatabase()
    const { agent, fleet, instanceId } = world
    agent.inventory(instanceId, ['orders'], { generation: 2, role: 'replica' })
    agent.resources = resources
    await agent.accept(await agent.next('assign'))
    const card = await waitUntil(
      async () => {
        const { out } = await holdfast(fleet, 80, 'agent', 'get', 'host1')
        return /\/orders\s+\(job_/.test(out) && out.includes('replication lag') ? out : undefined
      },
      { what: 'its work and its lag to be shown' },
    )
    expect(card).toMatch(/slots +1\/1/)
    expect(card).toMatch(/disk +\/var 40\.0 GiB of 100 GiB free \(state, staging\)/)
    expect(card).toMatch(/disk +\/data 64\.0 GiB of 1\.0 TiB free \(data\)/)
    expect(card).toMatch(/network +eth0 4\.0 KiB\/s out, 2\.0 KiB\/s in/)
    expect(card).toMatch(/pressure +cpu 12 %, io 0 %/)
    expect(card).toMatch(/rate limit +47\.7 MiB\/s/)
    expect(card).not.toContain('not believed')
    const wide = (await holdfast(fleet, 80, 'agent', 'list', '-o', 'wide')).out
    for (const shown of ['1/1', '/data 64.0 GiB of 1.0 TiB free', '/orders', 'cpu 12 %'])
      expect(wide).toContain(shown)
    const narrow = (await holdfast(fleet, 80, 'agent', 'list')).out
    for (const line of narrow.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(narrow).toContain('1 minor older')
  })

  test('people are told of a disk that is nearly full, once, and when it has room again or is gone', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const [first, second] = resources.disks
    if (first === undefined || second === undefined) throw new Error('two disks')
    agent.resources = { ...resources, disks: [first, { ...second, freeBytes: 2 ** 30 }] }
    const openAlerts = async () =>
      (await fleet.store.read.openAlerts()).filter(each => each.kind === 'disk-low')
    const [alert] = await waitUntil(
      async () => {
        const open = await openAlerts()
        return open.length > 0 ? open : undefined
      },
      { what: 'the alert' },
    )
    expect(alert).toMatchObject({
      dedupKey: `disk-low/${agent.agentId}//data`,
      severity: 'warning',
      facts: { hostname: 'host1', path: '/data', free_bytes: String(2 ** 30) },
    })
    // the other one fills, too, and this one is unmounted
    agent.resources = { ...resources, disks: [{ ...first, freeBytes: 2 ** 30 }] }
    const later = await waitUntil(
      async () => {
        const open = await openAlerts()
        return open.length === 1 && open[0]?.facts['path'] === '/var' ? open : undefined
      },
      { what: 'the one to be over and the other to be told' },
    )
    expect(later[0]?.facts['path']).toBe('/var')
    agent.resources = resources
    await waitUntil(async () => (await openAlerts()).length === 0, { what: 'room again' })
  })

  test('is unknown, not none, of an agent that does not look', async () => {
    await using world = await withDatabase()
    const { out } = await holdfast(world.fleet, 80, 'agent', 'get', 'host1')
    expect(out).toMatch(/pressure +unknown/)
    expect(out).not.toContain('disk ')
  })

  test('and cannot be is clamped, said to people, and audited once, not with each beat', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    agent.resources = { ...resources, slots: -5 }
    agent.heartbeat()
    agent.heartbeat()
    agent.heartbeat()
    const card = await waitUntil(
      async () => {
        const { out } = await holdfast(fleet, 200, 'agent', 'get', 'host1')
        return out.includes('not believed') ? out : undefined
      },
      { what: 'the doubt to be shown' },
    )
    expect(card).toContain('slots: says -5, taken as 1')
    const events = await waitUntil(
      async () => {
        const { items } = await fleet.store.read.audit({ size: 100 }, {})
        const found = items.filter(each => each.reason === 'capacity')
        return found.length > 0 ? found : undefined
      },
      { what: 'the audit event' },
    )
    expect(events).toMatchObject([
      {
        class: 'security',
        actor: `agent:${agent.agentId}`,
        subject: 'slots: says -5, taken as 1',
        detail: { count: 1 },
      },
    ])
  })

  test('a capacity that changes with each beat is taken as the least of it', async () => {
    await using world = await withDatabase({}, { heartbeats: false })
    const { agent, fleet } = world
    for (const slots of [9, 2, 7, 1, 8, 3]) agent.heartbeat([], { resources: { ...resources, slots } })
    const host = await waitUntil(
      () => {
        const seen = fleet.coordinator.operations.liveAgent(agent.agentId)?.host
        return (seen?.doubts.length ?? 0) > 0 && seen?.claim.slots === 1 ? seen : undefined
      },
      { what: 'the least to be taken' },
    )
    expect(host.doubts[0]).toMatchObject({ what: 'slots (changing)', taken: 1 })
  })
})
