import { describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/errors/index.ts'
import { waitUntil } from '../../harness/index.ts'
import { discovered, type Running, running, withDatabase } from '../running.ts'

function instances(fleet: Running) {
  return fleet.store.read.instances({ size: 20 }, {}).then(page => page.items)
}

function gapOf(fleet: Running, code: string) {
  return waitUntil(async () => (await instances(fleet)).find(each => each.gap?.code === code), {
    what: `a gap ${code}`,
  })
}

function openAlert(fleet: Running, kind: string) {
  return waitUntil(async () => (await fleet.store.read.openAlerts()).find(each => each.kind === kind), {
    what: `an open alert ${kind}`,
  })
}

describe('absence is a failure (P1)', () => {
  test('a database without a backup inside the RPO is a breach with an alert; a backup resolves it', async () => {
    await using world = await withDatabase({
      policies: [
        {
          name: 'tight',
          every: '1s',
          rpo: '1s',
          destination: 'main',
          retry: { attempts: 9, base_delay: '20ms', max_delay: '20ms' },
        },
      ],
      times: { accept: '30s' },
    })
    const { agent, fleet, database } = world
    const alert = await openAlert(fleet, 'rpo-breach')
    expect(alert.facts['database_id']).toBe(database.id)
    await agent.succeed()
    await waitUntil(
      async () =>
        (await fleet.store.read.alerts({ size: 10 }, { state: 'resolved' })).items.some(
          each => each.id === alert.id,
        ),
      { what: 'the alert to be resolved' },
    )
  })

  test('an instance whose databases nobody could list is a breach too, resolved once they are known', async () => {
    await using fleet = await running({
      policies: [{ name: 'tight', every: '1s', rpo: '1s', destination: 'main' }],
    })
    fleet.source.show([discovered()])
    const alert = await openAlert(fleet, 'rpo-breach')
    expect(alert.facts).toMatchObject({ reason: 'no-agent' })
    const agent = await fleet.agent()
    const watch = await agent.next('watch', each => each.instances.length > 0)
    agent.inventory(watch.instances[0]?.instanceId ?? '', [])
    await waitUntil(async () => !(await fleet.store.read.openAlerts()).some(each => each.id === alert.id), {
      what: 'the alert to be resolved',
    })
  })

  test('an agent that falls silent is shown and alerted, decides nothing, and is resolved on return', async () => {
    await using world = await withDatabase({}, { heartbeats: false })
    const { agent, fleet } = world
    const alert = await openAlert(fleet, 'agent-silent')
    expect(alert.facts['agent_id']).toBe(agent.agentId)
    expect(fleet.coordinator.operations.liveAgent(agent.agentId)).toMatchObject({
      state: 'silent',
      connected: true,
    })
    await gapOf(fleet, 'agent-silent')
    const beating = setInterval(() => agent.heartbeat(), 50)
    try {
      await waitUntil(async () => !(await fleet.store.read.openAlerts()).some(each => each.id === alert.id), {
        what: 'the alert to be resolved',
      })
      await waitUntil(async () => (await instances(fleet)).every(each => each.gap === undefined), {
        what: 'the gap to close',
      })
    } finally {
      clearInterval(beating)
    }
  })

  test('an instance without an agent, with two, with one that nobody has seen, or of no known engine is a gap that says so', async () => {
    await using fleet = await running()
    fleet.source.show([
      discovered({ nodeName: 'lonely', serviceId: 'a' }),
      discovered({ nodeName: 'crowded', serviceId: 'b' }),
      (({ engine: _, ...rest }) => rest)(discovered({ nodeName: 'odd', serviceId: 'c' })),
      discovered({ nodeName: 'far', serviceId: 'd', meta: { 'holdfast-agent': 'pool-9' } }),
    ])
    await fleet.agent({ hostname: 'crowded' })
    await fleet.agent({ hostname: 'crowded' })
    await gapOf(fleet, 'no-agent')
    const crowded = await gapOf(fleet, 'ambiguous-agent')
    expect(crowded.agentId).toBeUndefined()
    await gapOf(fleet, 'unknown-engine')
    const unseen = await gapOf(fleet, 'agent-never-seen')
    expect(unseen.gap?.detail).toBe('meta names agent `pool-9`, which never said hello')
  })
})

describe('discovery', () => {
  test('a vanished instance gets a tombstone and loses it when it is back; a failing source changes nothing', async () => {
    await using world = await withDatabase()
    const { fleet, instanceId } = world
    fleet.source.show([], { kind: 'failing', error: new AppError('discovery.unavailable') })
    await waitUntil(() => fleet.coordinator.operations.discovery()[0]?.ok === false, {
      what: 'the failure to show',
    })
    fleet.source.show([discovered()])
    await waitUntil(() => fleet.coordinator.operations.discovery()[0]?.ok === true, {
      what: 'the source to be well',
    })
    expect((await instances(fleet))[0]?.goneSince).toBeUndefined()
    fleet.source.show([])
    await waitUntil(async () => (await instances(fleet))[0]?.goneSince, { what: 'the tombstone' })
    fleet.source.show([discovered({ address: '10.0.0.9' })])
    const back = await waitUntil(
      async () => (await instances(fleet)).find(each => each.goneSince === undefined),
      {
        what: 'its return',
      },
    )
    expect(back).toMatchObject({ id: instanceId, address: '10.0.0.9' })
  })

  test('where one datacenter fails, the others go on: new instances come, gone ones get their tombstone', async () => {
    await using fleet = await running()
    const at = (datacenter: string, nodeName: string) => discovered({ datacenter, nodeName })
    fleet.source.show([at('dc1', 'a'), at('dc2', 'b')])
    const list = async () =>
      (await instances(fleet))
        .map(each => `${each.nodeName}${each.goneSince === undefined ? '' : ' gone'}`)
        .sort()
    await waitUntil(async () => (await list()).length === 2, { what: 'both' })
    fleet.source.show([at('dc1', 'c')], { kind: 'failing', error: new AppError('discovery.unavailable') }, [
      { datacenter: 'dc2' },
    ])
    await waitUntil(async () => (await list()).join() === 'a gone,b,c', {
      what: 'news of dc1, dc2 as it was',
    })
  })

  test('databases: new ones are found, vanished ones get a tombstone, globals are a row of their own', async () => {
    await using world = await withDatabase()
    const { agent, fleet, instanceId } = world
    agent.inventory(instanceId, ['orders', 'stock', 'Ünï "code"/%'], {
      generation: 2,
      hasGlobals: true,
      size: 1,
    })
    const list = () => fleet.store.read.databases({ size: 50 }, {}).then(page => page.items)
    await waitUntil(async () => (await list()).length === 4, { what: 'three databases and the globals' })
    expect((await list()).filter(each => each.database.scope === 'cluster')).toHaveLength(1)
    agent.inventory(instanceId, ['orders', 'stock2'], { generation: 3, hasGlobals: true })
    await waitUntil(
      async () => (await list()).filter(each => each.database.goneSince !== undefined).length === 2,
      {
        what: 'two tombstones',
      },
    )
    const gone = (await list()).find(each => each.database.name === 'stock')
    expect(gone?.state).toMatchObject({ protection: 'unprotected', reason: 'gone' })
  })

  test('two clusters with one identity are shown, never merged', async () => {
    await using fleet = await running()
    fleet.source.show([
      discovered({ nodeName: 'prod', serviceId: 'a' }),
      discovered({ nodeName: 'staging', serviceId: 'b' }),
    ])
    const prod = await fleet.agent({ hostname: 'prod' })
    const one = await prod.next('watch', each => each.instances.length === 1)
    prod.inventory(one.instances[0]?.instanceId ?? '', ['orders'], { evidence: '7400000000000000001' })
    await waitUntil(async () => (await fleet.store.read.databases({ size: 9 }, {})).items.length === 1, {
      what: 'the first inventory',
    })
    const staging = await fleet.agent({ hostname: 'staging' })
    const two = await staging.next('watch', each => each.instances.length === 1)
    staging.inventory(two.instances[0]?.instanceId ?? '', ['orders'], { evidence: '7400000000000000001' })
    const clusters = await waitUntil(
      async () => {
        const { items } = await fleet.store.read.clusters({ size: 9 })
        return items.some(each => each.evidence.some(e => e.kind === 'same-identity-as')) ? items : undefined
      },
      { what: 'the conflict to show' },
    )
    expect(clusters).toHaveLength(2)
    // an inventory's evidence is committed before its databases
    await waitUntil(
      async () =>
        (await fleet.store.read.instances({ size: 9 }, {})).items.every(
          each => each.inventoriedAt !== undefined,
        ),
      { what: 'both inventories to be taken in' },
    )
    expect((await fleet.store.read.databases({ size: 9 }, {})).items).toHaveLength(2)
  })
})
