import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type PostgresServer, requireServers, startPostgres, waitUntil } from '../harness/index.ts'
import { type FakeConsul, type Lie, startFakeConsul } from '../shared/discovery/fake-consul.ts'
import { makeDatabase } from './data.ts'
import { type Fleet, layFleet } from './fleet.ts'
import { gated } from './gated.ts'
import { judge } from './judgements.ts'
import { rows } from './share.ts'

vi.setConfig({ testTimeout: 120_000 })

const servers = await requireServers('faults of Consul', 'postgres', 'pv', 'zstd')

describe.skipIf(servers.missing)('while jobs run, a Consul that', () => {
  let postgres: PostgresServer
  let consul: FakeConsul
  let fleet: Fleet
  let entries: readonly unknown[]

  beforeAll(async () => {
    postgres = await startPostgres()
    await makeDatabase(postgres, 'orders', 2)
    consul = await startFakeConsul()
    entries = [
      {
        ID: 'node-1',
        Node: 'host1',
        Address: '127.0.0.1',
        Datacenter: 'dc1',
        ServiceID: 'orders-db-1',
        ServiceName: 'orders-db',
        ServiceAddress: '127.0.0.1',
        ServicePort: postgres.port,
        ServiceTags: [],
        ServiceMeta: { engine: 'postgres' },
      },
    ]
    consul.put('orders-db', entries)
    fleet = await layFleet({
      postgres,
      discovery: {
        consul: {
          address: consul.address,
          services: [{ name: 'orders-db', engine: 'postgres' }],
          empty_grace: '1h',
        },
      },
    })
    await fleet.start(['orders'])
  })
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]()
    await consul?.[Symbol.asyncDispose]()
    await postgres?.stop()
  })

  const empty = {
    status: 200,
    body: '[]',
    headers: { 'content-type': 'application/json', 'x-consul-index': '99' },
  }

  /** Whether the coordinator calls its source healthy. */
  async function healthy(ok: boolean): Promise<void> {
    await waitUntil(
      async () => (await fleet.operator.ask('getStatus', {})).discovery.every(source => source.ok === ok),
      { what: `discovery to be ${ok ? 'well' : 'ill'}`, timeout: 60_000 },
    )
  }

  const lies: Readonly<Record<string, Lie>> = {
    'answers 500': { status: 500, body: 'rpc error: No cluster leader' },
    'answers 403': { status: 403, body: 'Permission denied' },
    'answers garbage': { status: 200, body: '<html>not today</html>' },
    'answers an empty 200': empty,
    resets: 'reset',
    // last: its client notices only when the longest answer would be overdue
    'breaks off': 'cut',
  }
  it.each(
    rows(Object.keys(lies), {
      inTests: ['answers 500', 'answers an empty 200', 'breaks off'],
      heldBy: 'test/shared/discovery/consul.test.ts',
    }),
  )('%s takes nothing from the fleet: the job goes on, another can be started', async name => {
    const lie = lies[name]
    const { jobId, goOn } = await gated(fleet, 'orders')
    await healthy(true)
    let asked = consul.questions.length
    consul.put('orders-db', entries)
    await waitUntil(() => consul.questions.length > asked, { what: 'Consul to be asked', timeout: 60_000 })
    asked = consul.questions.length
    // the question that waits is answered by the lie
    consul.lie(lie)
    if (lie !== 'cut')
      await waitUntil(() => consul.questions.length > asked, {
        what: 'Consul to be asked again after a lie',
        timeout: 60_000,
      })
    goOn()
    expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded', attempts: 1 })
    expect(await fleet.ended(await fleet.backUp('orders'))).toMatchObject({ state: 'succeeded', attempts: 1 })
    expect(await fleet.catalog.rows('select gone from instances')).toMatchObject([{ gone: 0 }])
    consul.lie(undefined)
    await judge(fleet)
  })
})
