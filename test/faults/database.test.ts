import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type PostgresServer, requireServers, startPostgres, waitUntil } from '../harness/index.ts'
import { makeDatabase } from './data.ts'
import { type Fleet, type JobEnd, layFleet } from './fleet.ts'
import { gated } from './gated.ts'
import { judge } from './judgements.ts'

vi.setConfig({ testTimeout: 120_000 })

const servers = await requireServers('faults of the database server', 'postgres', 'pv', 'zstd')

describe.skipIf(servers.missing)('a database that', () => {
  let postgres: PostgresServer
  let fleet: Fleet

  beforeAll(async () => {
    postgres = await startPostgres()
    // more of orders than the sockets between pg_dump and its server take
    await makeDatabase(postgres, 'orders', 8)
    for (const name of ['doomed', 'planned']) await makeDatabase(postgres, name, 2)
    // more attempts than a server needs to come back on a busy machine
    fleet = await layFleet({ postgres, attempts: 8 })
    await fleet.start(['orders', 'doomed', 'planned'])
  })
  afterEach(() => fleet?.tools.heal())
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]()
    await postgres?.stop()
  })

  /** What pg_dump holds open while its rows have nowhere to go; a tool that has only begun has no session yet. */
  const copying = "datname = 'orders' and state = 'active' and query ~* '^copy '"

  it('is restarted in the middle of a dump: the attempt fails with what the server said, the next one is good', async () => {
    const { jobId, goOn } = await gated(fleet, 'orders')
    await waitUntil(
      async () => (await postgres.psql(`select count(*) from pg_stat_activity where ${copying}`)) !== '0',
      { what: 'pg_dump to copy' },
    )
    await postgres.kill('SIGINT')
    goOn()
    await postgres.restart()
    expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded' })
    const [first, ...others] = await fleet.attempts(jobId)
    expect(first?.outcome).toBe('failed')
    expect(first?.failure?.code).toMatch(/^(stage|database)\./)
    expect(others.at(-1)?.outcome).toBe('succeeded')
    await judge(fleet)
  })

  it('kills our session in the middle of a dump: the attempt fails, the next one is good', async () => {
    const { jobId, goOn } = await gated(fleet, 'orders')
    // by its whole name and by its work: other sessions of the dump have the same, and end nothing with them
    await waitUntil(
      async () =>
        (await postgres.psql(
          `select count(pg_terminate_backend(pid)) from pg_stat_activity where ${copying} and application_name ~ '^holdfast dump [0-9a-f]{8}$'`,
        )) !== '0',
      { what: 'a session of pg_dump' },
    )
    goOn()
    expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded', attempts: 2 })
    await judge(fleet)
  })

  it('is dropped in the middle of its dump: the job fails and says that it is gone', async () => {
    const { jobId, goOn } = await gated(fleet, 'doomed')
    await postgres.psql('drop database doomed with (force)')
    goOn()
    expectGone(await fleet.ended(jobId))
    await judge(fleet)
  })

  it('is dropped between planning and dump: the job ends and says that it is gone', async () => {
    const agent = fleet.agent('host1')
    await agent.kill('SIGSTOP')
    const jobId = await fleet.backUp('planned')
    await postgres.psql('drop database planned with (force)')
    await agent.kill('SIGCONT')
    expectGone(await fleet.ended(jobId))
    await judge(fleet)
  })
})

/** Whichever comes first: the dump that finds nothing, or the inventory that takes the job from the queue. */
function expectGone(job: JobEnd): void {
  if (job.state === 'cancelled') expect(job.cancelledFor).toContain('no longer on its server')
  else expect(job).toMatchObject({ state: 'failed', failure: { code: 'database.gone' } })
  expect(job.failure?.hint).not.toBe('')
}
