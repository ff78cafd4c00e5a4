import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { newId } from '../../../shared/clock/index.ts'
import { AckDisposition } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { emptyResult, FakeAgent, refOf, successOf } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { discovered, type Running, running, withDatabase } from '../running.ts'

/** Security events, newest first, as (reason, count). */
async function security(fleet: Running) {
  const { items } = await fleet.store.read.audit({ size: 100 }, { action: 'security.refused' })
  return items.filter(each => each.class === 'security')
}

function securityReason(fleet: Running, reason: string) {
  return waitUntil(async () => (await security(fleet)).find(each => each.reason === reason), {
    what: `a security event ${reason}`,
  })
}

describe('the doors of the agent link', () => {
  test('A8: a second live host with the same identity is refused and alerted; the first goes on', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const clone = await fleet.agent({ agentId: agent.agentId, instanceId: randomUUID(), hostname: 'clone' })
    const refused = await clone.next('refused')
    expect(refused.failure?.code).toBe('link.cloned')
    expect(refused.retryAfterMs).toBeGreaterThan(0)
    await waitUntil(
      async () => (await fleet.store.read.openAlerts()).some(each => each.kind === 'agent-cloned'),
      { what: 'the alert' },
    )
    await securityReason(fleet, 'cloned-host')
    // the first is still the one that is served
    expect((await agent.succeed()).ack.disposition).toBe(AckDisposition.RECORDED)
  })

  test('A8: the newest Hello of the same agent closes the older stream; its late frames count no more', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    await agent.accept(assign)
    const newer = await agent.again()
    await waitUntil(() => agent.status !== undefined, { what: 'the end of the older stream' })
    expect(agent.status?.code).toBe(0)
    expect(fleet.coordinator.operations.liveAgent(agent.agentId)?.connected).toBe(true)
    const result = newer.result(successOf(assign, newer))
    await newer.next('ack', each => each.resultId === result.resultId)
    await newer.close()
  })

  test('a host that moved is no clone: the same identity from elsewhere is let in when the first is gone', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    agent.cut()
    await waitUntil(() => fleet.coordinator.operations.liveAgent(agent.agentId)?.connected === false, {
      what: 'the agent to be away',
    })
    const moved = await fleet.agent({ agentId: agent.agentId, instanceId: randomUUID() })
    expect(moved.frames[0]?.$case).toBe('welcome')
  })

  test.each([
    ['an old protocol', { protocolVersion: 0 }],
    ['an id that is none', { agentId: 'agt_robert-tables' }],
  ])('%s is refused with a reason', async (_what, options) => {
    await using fleet = await running()
    const agent = await fleet.agent(options)
    expect((await agent.next('refused')).failure).toMatchObject({ code: 'link.refused' })
    await securityReason(fleet, 'bad-hello')
  })

  test('whoever speaks before Hello is cut', async () => {
    await using fleet = await running()
    const agent = FakeAgent.dial({ port: fleet.port })
    agent.heartbeat([])
    await waitUntil(() => agent.status !== undefined, { what: 'the end of the stream' })
    expect(agent.status?.details).toContain('Hello')
    agent.cut()
  })

  test("forged ids: another agent's attempt can be neither accepted, renewed, reported nor ended", async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const ref = refOf(assign)
    const thief = await fleet.agent({ hostname: 'elsewhere' })
    thief.send({ $case: 'accepted', value: { attempt: ref } })
    thief.heartbeat([ref])
    thief.send({
      $case: 'progress',
      value: {
        attempt: ref,
        report: {
          stage: 'lies',
          rawBytes: 1,
          storedBytes: 1,
          predictedRawBytes: 1,
          bytesPerSecond: 0,
          remainingMs: 0,
          retries: 0,
        },
      },
    })
    const result = thief.result(successOf(assign, thief))
    const ack = await thief.next('ack', each => each.resultId === result.resultId)
    expect(ack).toMatchObject({
      disposition: AckDisposition.REJECTED,
      reason: 'attempt-of-another-agent',
    })
    await securityReason(fleet, 'attempt-of-another-agent')
    expect((await fleet.store.read.job(jobIdOf(ref)))?.state.kind).toBe('assigned')
    expect(fleet.coordinator.operations.progressOf(jobIdOf(ref))).toBeUndefined()
    // no harm to the one it belongs to, not even to the very result id
    await agent.accept(assign)
    const own = agent.result({ ...successOf(assign, agent), resultId: result.resultId })
    expect((await agent.next('ack', each => each.resultId === own.resultId)).disposition).toBe(
      AckDisposition.RECORDED,
    )
  })

  test('an old epoch, an unknown job and ids that are none are answered, rejected and folded into one event each', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const ref = await agent.accept(assign)
    const old = agent.result({ ...emptyResult({ ...ref, epoch: 0 }), outcome: 'failed' })
    const unknown = Array.from({ length: 20 }, () =>
      agent.result({
        ...emptyResult({ jobId: newId('job'), attemptId: newId('attempt'), epoch: 1 }),
        outcome: 'succeeded',
        manifest: Buffer.from('{}'),
      }),
    )
    const garbage = agent.result({ ...emptyResult({ jobId: '', attemptId: 'x', epoch: -1 }), outcome: '?' })
    for (const { resultId } of [old, garbage, ...unknown])
      expect((await agent.next('ack', each => each.resultId === resultId)).disposition).toBe(
        AckDisposition.REJECTED,
      )
    const events = await waitUntil(
      async () => {
        const found = await security(fleet)
        return found.length >= 3 ? found : undefined
      },
      { what: 'three security events' },
    )
    expect(new Set(events.map(each => each.reason))).toEqual(
      new Set(['attempt-does-not-fit-job', 'unknown-attempt', 'malformed-ids']),
    )
    // a flood is folded: twenty refusals of one kind are not twenty rows
    expect(events.filter(each => each.reason === 'unknown-attempt').length).toBeLessThanOrEqual(2)
    // the job of the first was not touched
    expect((await fleet.store.read.job(jobIdOf(ref)))?.state.kind).toBe('running')
  })

  test('a frame of a newer peer is ignored, and the stream goes on', async () => {
    await using world = await withDatabase()
    const { agent } = world
    // seq = 7, field 99 a message of a future case
    agent.sendRaw(Buffer.from([0x08, 0x07, 0x9a, 0x06, 0x02, 0x08, 0x01]))
    expect((await agent.succeed()).ack.disposition).toBe(AckDisposition.RECORDED)
    expect(agent.status).toBeUndefined()
  })

  test('5 MB of inventory in one message is refused, what is known stays, and nobody else is harmed', async () => {
    await using world = await withDatabase()
    const { agent, fleet, instanceId, database } = world
    const names = Array.from({ length: 25_000 }, (_, i) => `database-${String(i).padStart(180, '0')}`)
    agent.inventory(instanceId, names, { generation: 2, size: 25_000 })
    const instance = await waitUntil(
      async () => {
        const found = (await fleet.store.read.instances({ size: 5 }, {})).items[0]
        return found?.gap?.code === 'inventory-failing' ? found : undefined
      },
      { what: 'the refusal to show on the instance' },
    )
    expect(instance.gap?.detail).toContain('link.too-large')
    await securityReason(fleet, 'inventory-chunk-too-large')
    const known = await fleet.store.read.databases({ size: 100 }, {})
    expect(known.items.map(each => each.database.name)).toEqual(['orders'])
    expect((await fleet.store.read.database(database.id))?.goneSince).toBeUndefined()
    // the same stream goes on, and a good inventory takes the reason away
    agent.inventory(instanceId, ['orders'], { generation: 3 })
    await waitUntil(
      async () => (await fleet.store.read.instances({ size: 5 }, {})).items[0]?.gap === undefined,
      { what: 'the gap to close' },
    )
  })

  test('a message beyond the limit ends its own stream only', async () => {
    await using world = await withDatabase()
    const { agent, fleet, instanceId } = world
    const bystander = await fleet.agent({ hostname: 'elsewhere' })
    agent.inventory(
      instanceId,
      Array.from({ length: 40_000 }, (_, i) => `${i}`.padStart(250, 'x')),
      {
        size: 40_000,
      },
    )
    await waitUntil(() => agent.status !== undefined, { what: 'the end of the stream' })
    expect(bystander.status).toBeUndefined()
    expect(fleet.coordinator.term).toBe(1)
  })

  test('an agent speaks only for the instances it answers for', async () => {
    await using world = await withDatabase()
    const { fleet, instanceId } = world
    const thief = await fleet.agent({ hostname: 'elsewhere' })
    thief.inventory(instanceId, ['planted'])
    await securityReason(fleet, 'instance-of-another-agent')
    const known = await fleet.store.read.databases({ size: 100 }, {})
    expect(known.items.map(each => each.database.name)).toEqual(['orders'])
  })

  test('stopping lets the agents go with a good end, and takes nobody new', async () => {
    const fleet = await running()
    fleet.source.show([discovered()])
    const agent = await fleet.agent()
    await fleet.coordinator.stop()
    await waitUntil(() => agent.status !== undefined, { what: 'the end of the stream' })
    expect(agent.status?.code).toBe(0)
    await fleet[Symbol.asyncDispose]()
  })
})

function jobIdOf(ref: { readonly jobId: string }) {
  return ref.jobId as ReturnType<typeof newId<'job'>>
}
