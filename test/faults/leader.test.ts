import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { connect } from '../../cli/connect.ts'
import { type PostgresServer, requireServers, startPostgres, waitUntil } from '../harness/index.ts'
import { makeDatabase } from './data.ts'
import { type Fleet, layFleet, ready } from './fleet.ts'
import { gated } from './gated.ts'
import { judge } from './judgements.ts'
import { type Switch, startSwitch } from './switch.ts'

vi.setConfig({ testTimeout: 120_000 })

const servers = await requireServers('leaders stopped', 'postgres', 'pv', 'zstd')

describe.skipIf(servers.missing)('a leader stopped (SIGSTOP), taken over and woken, on PostgreSQL', () => {
  let postgres: PostgresServer
  let door: Switch
  let fleet: Fleet

  beforeAll(async () => {
    postgres = await startPostgres()
    await makeDatabase(postgres, 'orders', 2)
    door = await startSwitch()
  })
  afterAll(async () => {
    await door?.[Symbol.asyncDispose]()
    await postgres?.stop()
  })

  async function twoCoordinators(): Promise<Fleet> {
    fleet = await layFleet({
      postgres,
      coordinators: { count: 2, store: postgres },
      agents: [{ name: 'host1', coordinator: door.address }],
      keeperDials: door.address,
      times: { lease_ttl: '30s', start: '30s' },
    })
    door.turn(fleet.coordinator.address)
    await fleet.start(['orders'])
    return fleet
  }

  const second = (fleet: Fleet) => {
    const [, other] = fleet.coordinators
    if (other === undefined) throw new Error('there are two')
    return other
  }

  /** The first is stopped; the second leads and has the agents. */
  async function takenOver(fleet: Fleet, how: { readonly cut: boolean }): Promise<void> {
    await fleet.coordinator.kill('SIGSTOP')
    await ready(second(fleet))
    door.turn(second(fleet).address, how)
  }

  /** The old leader stands by and takes nothing. */
  async function stoodDown(fleet: Fleet): Promise<void> {
    await waitUntil(async () => (await fetch(`${fleet.coordinator.statusUrl}/readyz`)).status === 503, {
      what: 'the old leader to stand by',
      timeout: 20_000,
    })
    await expect(
      fleet.operator.ask('startBackup', { database: 'orders', requestId: 'to the old one', reason: 'x' }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^leader\./) })
    const rows = await fleet.catalog.rows('select epoch from leader')
    expect(rows).toEqual([{ epoch: 2 }])
  }

  it('while a backup runs: resumed by the new one; the old one writes nothing, gives nothing out', async () => {
    await using fleet = await twoCoordinators()
    const { jobId, goOn } = await gated(fleet, 'orders')
    await takenOver(fleet, { cut: true })
    await waitUntil(
      async () =>
        (await fleet.catalog.rows(`select action from audit where subject = '${jobId}'`)).some(
          row => row['action'] === 'job.resumed',
        ),
      { what: 'the new leader to resume the job', timeout: 40_000 },
    )
    await fleet.coordinator.kill('SIGCONT')
    await stoodDown(fleet)
    goOn()
    expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded', attempts: 1, epoch: 1 })
    await judge(fleet, { operator: connect(second(fleet).address) })
  })

  it('with a result unread in its socket: recorded once, by the new one', async () => {
    await using fleet = await twoCoordinators()
    const before = (await fleet.catalog.backups()).length
    const { jobId, goOn } = await gated(fleet, 'orders')
    await fleet.coordinator.kill('SIGSTOP')
    goOn()
    await ready(second(fleet))
    door.turn(second(fleet).address, { cut: false })
    // the agent still holds on to the old stream: the result lies in front of a sleeper
    await fleet.coordinator.kill('SIGCONT')
    await stoodDown(fleet)
    expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded', attempts: 1, epoch: 1 })
    expect(await fleet.catalog.backups()).toHaveLength(before + 1)
    await judge(fleet, { operator: connect(second(fleet).address) })
  })

  it('with a job waiting to be given out: given out once, by the new one', async () => {
    await using fleet = await twoCoordinators()
    await fleet.agent('host1').stop()
    const jobId = await fleet.backUp('orders')
    await fleet.reaches(jobId, 'queued')
    await takenOver(fleet, { cut: true })
    await fleet.agent('host1').start()
    await fleet.coordinator.kill('SIGCONT')
    await stoodDown(fleet)
    expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded', attempts: 1, epoch: 1 })
    await judge(fleet, { operator: connect(second(fleet).address) })
  })
})
