import { describe, expect, test } from 'vitest'
import { AckDisposition } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { HookRun } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { failureOf, successOf } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { admin, type Running, withDatabase } from '../running.ts'

const policy = {
  ...{ name: 'all', every: '1h', rpo: '2h', destination: 'main' },
  retry: { attempts: 2, base_delay: '20ms', max_delay: '50ms' },
  hooks: { before: ['freeze'], after: ['thaw'], on_failure: ['page'] },
}
const config = { policies: [policy] }
const able = { features: ['hooks'], hooks: ['freeze', 'page', 'thaw'] }

const ran = (name: string, moment: string, over: Partial<HookRun> = {}): HookRun => ({
  ...{ name, moment, outcome: 'succeeded', status: 0, durationMs: 7, detail: '' },
  ...over,
})

/** The planner's word on the one job that waits. */
function told(fleet: Running, code: string) {
  return waitUntil(
    async () => {
      const [job] = (await fleet.store.read.jobs({ size: 10 }, {})).items
      if (job === undefined) return undefined
      return (await fleet.store.read.decisions(job.id)).find(each => each.code === code)
    },
    { what: `the decision ${code}` },
  )
}

const alerts = async (fleet: Running) =>
  (await fleet.store.read.openAlerts()).filter(each => each.kind === 'hook-failed')

describe('a job whose policy has hooks', () => {
  test.each([
    ['an agent that does not know of hooks', {}, 'agent-too-old', 'its policy has hooks'],
    ['an agent whose host lacks one', { ...able, hooks: ['freeze'] }, 'no-hook', 'has thaw, page'],
  ])('is not given to %s, and says why', async (_, agent, code, text) => {
    await using world = await withDatabase(config, agent)
    expect((await told(world.fleet, code)).text).toContain(text)
    expect(world.agent.frames.filter(each => each.$case === 'assign')).toEqual([])
  })

  test('is given with their names to one that has them; what they did is kept, and an after that failed is told and is no failure', async () => {
    await using world = await withDatabase(config, able)
    const { agent, fleet, database } = world
    const assign = await agent.next('assign')
    if (assign.spec?.$case !== 'backup') throw new Error('no backup')
    expect(assign.spec.value.hooks).toEqual({ before: ['freeze'], after: ['thaw'], onFailure: ['page'] })
    await agent.accept(assign)
    const sent = agent.result({
      ...successOf(assign, agent),
      hooks: [
        ran('freeze', 'before'),
        ran('thaw', 'after', { outcome: 'failed', status: 3, detail: 'exited with status 3: no' }),
      ],
    })
    const ack = await agent.next('ack', each => each.resultId === sent.resultId)
    expect(ack.disposition).toBe(AckDisposition.RECORDED)
    const [job] = (await fleet.store.read.jobs({ size: 10 }, {})).items
    if (job === undefined) throw new Error('no job')
    expect(job.state.kind).toBe('succeeded')
    const [attempt] = await fleet.store.read.attempts(job.id)
    expect(attempt).toMatchObject({
      outcome: 'succeeded',
      hooks: [
        { name: 'freeze', moment: 'before', outcome: 'succeeded', status: 0, durationMs: 7 },
        { name: 'thaw', outcome: 'failed', status: 3 },
      ],
    })
    const warnings = (await fleet.store.read.decisions(job.id)).filter(each => each.kind === 'warning')
    expect(warnings.map(each => each.text)).toEqual(['hook thaw (after) exited with status 3: no'])
    expect(await alerts(fleet)).toMatchObject([
      {
        dedupKey: `hook-failed/${database.id}`,
        severity: 'warning',
        facts: { hooks: 'thaw', job_id: job.id },
      },
    ])

    // the next backup's end well
    await fleet.coordinator.operations.startBackup(admin, {
      ...{ databaseId: database.id, requestId: 'again', reason: '' },
    })
    const next = await agent.next('assign', each => each.attempt?.attemptId !== assign.attempt?.attemptId)
    await agent.accept(next)
    const good = agent.result({ ...successOf(next, agent), hooks: [ran('thaw', 'after')] })
    await agent.next('ack', each => each.resultId === good.resultId)
    expect(await alerts(fleet)).toEqual([])
  })

  test('one before it that failed is a failure that is retried, and what ran behind it is kept', async () => {
    await using world = await withDatabase(config, able)
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    await agent.accept(assign)
    const failed = ran('freeze', 'before', { outcome: 'timed-out', status: undefined, detail: 'did not end' })
    agent.result({ ...failureOf(assign, 'hook.failed'), hooks: [failed, ran('page', 'on_failure')] })
    const again = await agent.next('assign', each => each.attempt?.epoch === 2)
    expect(again.attempt?.jobId).toBe(assign.attempt?.jobId)
    const jobs = (await fleet.store.read.jobs({ size: 10 }, {})).items
    const attempts = await fleet.store.read.attempts(jobs[0]?.id ?? ('' as never))
    expect(attempts.find(each => each.epoch === 1)).toMatchObject({
      failure: { code: 'hook.failed' },
      hooks: [
        { name: 'freeze', outcome: 'timed-out' },
        { name: 'page', outcome: 'succeeded' },
      ],
    })
    // the attempt's own failure tells of it already
    expect(await alerts(fleet)).toEqual([])
  })
})

test('agents tell which hooks their hosts have', async () => {
  await using world = await withDatabase({}, { hooks: ['thaw', 'freeze'] })
  expect((await world.fleet.store.read.agent(world.agent.agentId))?.hooks).toEqual(['thaw', 'freeze'])
})
