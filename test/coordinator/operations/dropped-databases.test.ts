import { describe, expect, test } from 'vitest'
import { failureOf, refOf } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { withDatabase } from '../running.ts'

/** A retry in an hour: the job waits in the queue for the whole test. */
const patient = {
  policies: [
    {
      name: 'patient',
      every: '1h',
      rpo: '2h',
      destination: 'main',
      retry: { attempts: 5, base_delay: '1h', max_delay: '1h' },
    },
  ],
}

type World = Awaited<ReturnType<typeof withDatabase>>

/** Fails the first attempt, so that the job is queued again. */
async function queuedAgain({ agent, fleet }: World) {
  const assign = await agent.next('assign')
  await agent.accept(assign)
  agent.result(failureOf(assign))
  const { jobId } = refOf(assign)
  await waitUntil(async () => (await jobOf(fleet, jobId)).state.kind === 'queued', { what: 'the retry' })
  return jobId
}

async function jobOf(fleet: World['fleet'], jobId: string) {
  const { items } = await fleet.store.read.jobs({ size: 50 }, {})
  const job = items.find(each => each.id === jobId)
  if (job === undefined) throw new Error(`no job ${jobId}`)
  return job
}

async function stateOf({ fleet, database }: World) {
  return fleet.store.read.databaseState(database.id)
}

describe('a database that is dropped or renamed', () => {
  test('while an agent works on it leaves the job to the agent, who sees the truth (J13)', async () => {
    await using world = await withDatabase(patient)
    const { agent, fleet, instanceId } = world
    const assign = await agent.next('assign')
    await agent.accept(assign)
    agent.inventory(instanceId, ['renamed'], { generation: 2 })
    await waitUntil(async () => (await stateOf(world))?.reason === 'gone', { what: 'the tombstone' })
    expect((await jobOf(fleet, refOf(assign).jobId)).state.kind).toBe('running')
    expect(agent.count('cancel')).toBe(0)
  })

  test('while its backup is queued ends that job as cancelled, with the reason in job and audit', async () => {
    await using world = await withDatabase(patient)
    const { agent, fleet, instanceId } = world
    const jobId = await queuedAgain(world)
    agent.inventory(instanceId, ['renamed'], { generation: 2 })
    await waitUntil(async () => (await jobOf(fleet, jobId)).state.kind === 'cancelled', { what: 'the end' })
    expect((await jobOf(fleet, jobId)).state).toMatchObject({
      by: { kind: 'system' },
      reason: 'the database is no longer on its server: dropped or renamed',
    })
    const { items } = await fleet.store.read.audit({ size: 50 }, { subject: jobId })
    expect(items.filter(each => each.reason.includes('dropped or renamed'))).toHaveLength(1)
    expect(await stateOf(world)).toMatchObject({ protection: 'unprotected', reason: 'gone' })
    expect((await stateOf(world))?.openJobId).toBeUndefined()
  })

  test('and is back is the same database, due at once: its cancelled job holds nothing up', async () => {
    await using world = await withDatabase(patient)
    const { agent, instanceId, database } = world
    const jobId = await queuedAgain(world)
    agent.inventory(instanceId, [], { generation: 2 })
    await waitUntil(async () => (await stateOf(world))?.reason === 'gone', { what: 'the tombstone' })
    agent.inventory(instanceId, ['orders'], { generation: 3 })
    const assign = await agent.next('assign', each => refOf(each).jobId !== jobId)
    expect(assign.spec?.$case === 'backup' && assign.spec.value.databaseId).toBe(database.id)
  })
})
