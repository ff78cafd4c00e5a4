import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type PostgresServer, requireServers, startPostgres, waitUntil } from '../harness/index.ts'
import { makeDatabase } from './data.ts'
import { type Fleet, layFleet, ready } from './fleet.ts'
import { gated } from './gated.ts'
import { judge } from './judgements.ts'

vi.setConfig({ testTimeout: 120_000 })

const servers = await requireServers('coordinators killed', 'postgres', 'pv', 'zstd')

describe.skipIf(servers.missing)('a coordinator killed with -9', () => {
  let postgres: PostgresServer
  let fleet: Fleet

  beforeAll(async () => {
    postgres = await startPostgres()
    await makeDatabase(postgres, 'orders', 2)
    // long enough for an agent's back-off: what a lease that ran out does is seen below
    fleet = await layFleet({ postgres, times: { lease_ttl: '40s', start: '40s' } })
    await fleet.start(['orders'])
  })
  afterEach(() => fleet?.tools.heal())
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]()
    await postgres?.stop()
  })

  /** Kills it now, and starts it again. */
  async function killed(): Promise<void> {
    await fleet.coordinator.kill('SIGKILL')
    await fleet.coordinator.start()
    await ready(fleet.coordinator)
  }

  async function goodInOneAttempt(jobId: string): Promise<void> {
    expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded', attempts: 1, epoch: 1 })
    await judge(fleet)
  }

  it('with a job queued: it is queued still, and done', async () => {
    const agent = fleet.agent('host1')
    await agent.stop()
    const jobId = await fleet.backUp('orders')
    await fleet.reaches(jobId, 'queued')
    await killed()
    await fleet.reaches(jobId, 'queued')
    await agent.start()
    await goodInOneAttempt(jobId)
  })

  it('with a job assigned and not accepted: it is offered again, the same attempt', async () => {
    const agent = fleet.agent('host1')
    await agent.kill('SIGSTOP')
    const jobId = await fleet.backUp('orders')
    await fleet.reaches(jobId, 'assigned')
    await fleet.coordinator.kill('SIGKILL')
    await agent.kill('SIGCONT')
    await fleet.coordinator.start()
    await goodInOneAttempt(jobId)
  })

  it('with a job running: it is resumed, nothing fails', async () => {
    const { jobId, goOn } = await gated(fleet, 'orders')
    await killed()
    await waitUntil(
      async () =>
        (await fleet.catalog.rows(`select action from audit where subject = '${jobId}'`)).some(
          row => row['action'] === 'job.resumed',
        ),
      { what: 'the job to be resumed', timeout: 20_000 },
    )
    await fleet.reaches(jobId, 'running')
    goOn()
    await goodInOneAttempt(jobId)
  })

  it.each([
    ['before-assign', 'after the assignment was committed, before the agent was told'],
    ['before-start', 'after `accepted` was committed, before Start was sent'],
    ['before-result', 'when a result has arrived and nothing of it is committed'],
    ['before-ack', 'after a result was committed, before its Ack was sent'],
  ])('at %s (%s): one attempt, one backup', async point => {
    await fleet.coordinator.stop()
    await fleet.coordinator.start({ HOLDFAST_TEST_CRASH_AT: point })
    await ready(fleet.coordinator)
    const before = (await fleet.catalog.backups()).length
    const jobId = await fleet.backUp('orders')
    await fleet.coordinator.exited()
    await fleet.coordinator.start()
    await goodInOneAttempt(jobId)
    expect(await fleet.attempts(jobId)).toHaveLength(1)
    expect(await fleet.catalog.backups()).toHaveLength(before + 1)
  })
})
