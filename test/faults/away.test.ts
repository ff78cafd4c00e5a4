import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  type FaultProxy,
  freePort,
  type PostgresServer,
  requireServers,
  startFaultProxy,
  startPostgres,
  waitUntil,
} from '../harness/index.ts'
import { makeDatabase } from './data.ts'
import { type Fleet, layFleet, ready } from './fleet.ts'
import { gated } from './gated.ts'
import { judge } from './judgements.ts'

vi.setConfig({ testTimeout: 120_000 })

const servers = await requireServers('coordinator and agent apart', 'postgres', 'pv', 'zstd')
const leaseMs = 2_000

describe.skipIf(servers.missing)('coordinator and agent apart for longer than a lease', () => {
  let postgres: PostgresServer
  let wire: FaultProxy
  let fleet: Fleet

  beforeAll(async () => {
    postgres = await startPostgres()
    await makeDatabase(postgres, 'orders', 2)
    const listen = await freePort()
    wire = await startFaultProxy({ port: listen })
    fleet = await layFleet({
      postgres,
      listen,
      times: { lease_ttl: `${leaseMs}ms`, heartbeat: '200ms' },
      agents: [{ name: 'host1', coordinator: `127.0.0.1:${wire.port}` }],
    })
    await fleet.start(['orders'])
  })
  afterEach(() => {
    wire?.set({})
    fleet?.tools.heal()
  })
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]()
    await wire?.stop()
    await postgres?.stop()
  })

  async function longerThanALease(): Promise<void> {
    const since = performance.now()
    await waitUntil(() => performance.now() - since > leaseMs * 1.25, { what: 'a lease to pass' })
  }

  async function spooled(): Promise<void> {
    const spool = join(fleet.agent('host1').stateFolder, 'spool')
    await waitUntil(() => readdirSync(spool).some(name => name.endsWith('.json')), {
      what: 'a result in the spool',
      timeout: 20_000,
    })
  }

  /** The one attempt there was is the one that counts. */
  async function goodInOneAttempt(jobId: string): Promise<void> {
    expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded', attempts: 1, epoch: 1 })
    await judge(fleet)
  }

  it('the coordinator was killed, the result waited in the spool: recorded at return, nothing tried again', async () => {
    const { jobId, goOn } = await gated(fleet, 'orders')
    await fleet.coordinator.kill('SIGKILL')
    goOn()
    await spooled()
    await longerThanALease()
    await fleet.coordinator.start()
    await goodInOneAttempt(jobId)
  })

  it('the coordinator was killed, the dump goes on: resumed, nothing tried again', async () => {
    const { jobId, goOn } = await gated(fleet, 'orders')
    await fleet.coordinator.kill('SIGKILL')
    await longerThanALease()
    await fleet.coordinator.start()
    await ready(fleet.coordinator)
    goOn()
    await goodInOneAttempt(jobId)
  })

  it('a black hole between them, the backup ends in it: spooled, recorded once the network is back', async () => {
    const { jobId, goOn } = await gated(fleet, 'orders')
    wire.set({ blackHole: true })
    goOn()
    await spooled()
    await fleet.reaches(jobId, 'queued')
    wire.set({})
    wire.resetAll()
    await goodInOneAttempt(jobId)
  })

  it('a black hole between them, the dump outlasts it: resumed', async () => {
    const { jobId, goOn } = await gated(fleet, 'orders')
    wire.set({ blackHole: true })
    await fleet.reaches(jobId, 'queued')
    wire.set({})
    wire.resetAll()
    await fleet.reaches(jobId, 'running')
    goOn()
    await goodInOneAttempt(jobId)
  })

  it('connections reset while a backup runs, and while its result is on its way: one attempt', async () => {
    const { jobId, goOn } = await gated(fleet, 'orders')
    wire.resetAll()
    goOn()
    wire.resetAll()
    await goodInOneAttempt(jobId)
  })

  it('the agent was stopped (SIGSTOP) past its lease and woken: its attempt is still the newest and is resumed', async () => {
    const { jobId, goOn } = await gated(fleet, 'orders')
    const agent = fleet.agent('host1')
    await agent.kill('SIGSTOP')
    await fleet.reaches(jobId, 'queued')
    goOn()
    await agent.kill('SIGCONT')
    await goodInOneAttempt(jobId)
  })
})
