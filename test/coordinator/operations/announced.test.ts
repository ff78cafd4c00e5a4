import { describe, expect, test } from 'vitest'
import { AckDisposition } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { refOf, successOf } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { withDatabase } from '../running.ts'

// who does not beat at all is silent soon, and gets no work
const leases = (lease_ttl: string) => ({ times: { lease_ttl }, slots_per_agent: 4 })

describe('an agent that comes back after its lease ran out, with a result that is still to be told', () => {
  test('J6: its job is not given out again before the result came, and the result counts', async () => {
    await using world = await withDatabase(leases('3s'), { heartbeats: 'idle' })
    const { agent, fleet, instanceId } = world
    const assign = await agent.next('assign')
    const ref = await agent.accept(assign)
    agent.cut()
    const queued = async () =>
      (await fleet.store.read.jobs({ size: 10 }, {})).items.some(each => each.state.kind === 'queued')
    await waitUntil(queued, { what: 'the lease to run out' })
    agent.running.clear()
    const back = await agent.again({ unacknowledged: [ref], heartbeats: 'idle' })
    // another database proves that the planner has looked at this agent since
    back.inventory(instanceId, ['orders', 'second'], { generation: 2 })
    const other = await back.next('assign')
    expect(other.spec?.$case === 'backup' && other.spec.value.databaseName).toBe('second')
    expect(back.count('assign')).toBe(1)
    const result = back.result(successOf(assign, back))
    const ack = await back.next('ack', each => each.resultId === result.resultId)
    expect(ack.disposition).toBe(AckDisposition.RECORDED)
    const job = await fleet.store.read.job(ref.jobId as never)
    expect(job).toMatchObject({ epoch: 1, attempts: 1, state: { kind: 'succeeded' } })
    back.cut()
  })

  test('a result that is announced and never comes holds the job for a lease, not for ever', async () => {
    await using world = await withDatabase(leases('600ms'), { heartbeats: 'idle' })
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const ref = await agent.accept(assign)
    agent.cut()
    const queued = async () =>
      (await fleet.store.read.jobs({ size: 10 }, {})).items.some(each => each.state.kind === 'queued')
    await waitUntil(queued, { what: 'the lease to run out' })
    agent.running.clear()
    const back = await agent.again({ unacknowledged: [ref], heartbeats: 'idle' })
    expect(refOf(await back.next('assign'))).toMatchObject({ jobId: ref.jobId, epoch: 2 })
    back.cut()
  })
})
