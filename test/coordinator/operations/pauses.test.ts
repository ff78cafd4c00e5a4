import { describe, expect, test } from 'vitest'
import { holdfast as cli } from '../../cli/holdfast.ts'
import { successOf } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { discovered, type Running, running, withDatabase } from '../running.ts'

/** The command as people type it, against the coordinator of the test. */
const holdfast = (fleet: Running, ...argv: string[]) =>
  cli(argv, { address: `127.0.0.1:${fleet.port}`, width: 140, at: Date.now() })

const stateOf = (fleet: Running, id: string) => fleet.store.read.databaseState(id as never)

/** Every look at promises and plan takes 200 ms at most here: what a second one did not do is not done. */
async function looked(fleet: Running): Promise<void> {
  const seen = (await fleet.coordinator.operations.status()).now
  await waitUntil(async () => (await fleet.coordinator.operations.status()).now > seen + 600, {
    what: 'some looks',
  })
}

const soon = {
  policies: [
    {
      name: 'all',
      every: '1s',
      rpo: '1h',
      destination: 'main',
      retry: { attempts: 3, base_delay: '20ms', max_delay: '50ms' },
    },
  ],
}

describe.each([
  ['database', 'orders-db/orders'],
  ['host', 'host1'],
  ['site', 'dc1'],
  ['fleet', undefined],
] as const)('a paused %s', (scope, subject) => {
  const named = subject === undefined ? [scope] : [scope, subject]

  test('gets no scheduled backup, says why in its promise, and goes on when it is resumed', async () => {
    await using world = await withDatabase(soon)
    const { agent, fleet, database } = world
    await agent.succeed()
    // what is at work goes on: only then it is paused
    const paused = await holdfast(fleet, 'pause', ...named, '--for', '2h', '--reason', 'storage moves')
    expect(paused, paused.err).toMatchObject({ status: 0, err: '' })
    expect(paused.out).toContain('is paused until')
    const state = await waitUntil(
      async () => {
        const found = await stateOf(fleet, database.id)
        return found?.reason === 'paused' ? found : undefined
      },
      { what: 'the promise to say so' },
    )
    expect(state.protection).toBe('at-risk')
    expect(state.reasonDetail).toMatch(/is paused by .+ until .+: storage moves/)
    const before = agent.count('assign')
    await looked(fleet)
    expect(agent.count('assign')).toBe(before)
    expect((await holdfast(fleet, 'pause', 'list')).out).toContain('storage moves')

    const resumed = await holdfast(fleet, 'resume', ...named)
    expect(resumed).toMatchObject({ status: 0, err: '' })
    const assign = await agent.next('assign')
    expect(assign.spec?.$case).toBe('backup')
    expect((await holdfast(fleet, 'pause', 'list')).out).toContain('nothing is paused')
    const actions = (await fleet.store.read.audit({ size: 100 }, {})).items.map(each => each.action)
    expect(actions).toEqual(expect.arrayContaining([`${scope}.paused`, `${scope}.resumed`]))
  })

  test('is still paused for the next coordinator; what a person starts by hand starts', async () => {
    await using world = await withDatabase(soon)
    const { agent, fleet, database } = world
    await agent.succeed()
    await holdfast(fleet, 'pause', ...named, '--reason', 'a freeze')
    agent.cut()
    await fleet.restart()
    const back = await fleet.agent({
      agentId: agent.agentId,
      instanceId: agent.instanceId,
      hostname: agent.hostname,
    })
    fleet.source.show([discovered()])
    await waitUntil(async () => (await stateOf(fleet, database.id))?.reason === 'paused', {
      what: 'the pause',
    })
    const started = await holdfast(fleet, 'backup', 'start', 'orders')
    expect(started, started.err).toMatchObject({ status: 0 })
    const assign = await back.next('assign')
    await back.accept(assign)
    back.result(successOf(assign, back))
    back.cut()
  })
})

describe('a pause', () => {
  test('needs a reason and something that is there; what is not paused is not resumed', async () => {
    await using world = await withDatabase()
    const { fleet } = world
    expect((await holdfast(fleet, 'pause', 'fleet')).err).toContain('reason: expected why')
    for (const argv of [
      ['host', 'host2'],
      ['site', 'dc2'],
      ['database', 'ordesr'],
    ]) {
      const { status, err } = await holdfast(fleet, 'pause', ...argv, '--reason', 'x')
      expect(status).not.toBe(0)
      expect(err).toContain(`there is no ${argv[0]} \`${argv[1]}\``)
    }
    expect((await holdfast(fleet, 'pause', 'fleet', '--for', 'soon', '--reason', 'x')).err).toContain(
      '--for must be',
    )
    expect((await holdfast(fleet, 'resume', 'fleet')).err).toContain('the fleet is not paused')
    expect((await holdfast(fleet, 'pause', 'list')).out).toContain('nothing is paused')
  })

  test.each(['host1', 'db-7.internal'])(
    'of a host holds by either name, where discovery calls it otherwise than its agent does: %s',
    async host => {
      await using fleet = await running(soon)
      fleet.source.show([discovered({ address: '10.0.0.7' })])
      const agent = await fleet.agent({ hostname: 'db-7.internal', addresses: ['10.0.0.7'] })
      const watch = await agent.next('watch', each => each.instances.length > 0)
      const paused = await holdfast(fleet, 'pause', 'host', host, '--reason', 'kernel')
      expect(paused, paused.err).toMatchObject({ status: 0 })
      agent.inventory(watch.instances[0]?.instanceId ?? '', ['orders'])
      await waitUntil(
        async () => {
          const { items } = await fleet.store.read.databases({ size: 5 }, { name: 'orders' })
          return items[0]?.state?.reason === 'paused'
        },
        { what: 'its database to be paused' },
      )
      expect(agent.count('assign')).toBe(0)
    },
  )

  test('ends by itself when its time is over', async () => {
    await using world = await withDatabase(soon)
    const { agent, fleet } = world
    await agent.succeed()
    await holdfast(fleet, 'pause', 'fleet', '--for', '1s', '--reason', 'a moment')
    const assign = await agent.next('assign')
    expect(assign.spec?.$case).toBe('backup')
    expect((await holdfast(fleet, 'pause', 'list')).out).toContain('nothing is paused')
    await waitUntil(async () => (await fleet.store.read.pauses()).length === 0, { what: 'its row to go' })
    const { items } = await fleet.store.read.audit({ size: 10 }, { action: 'fleet.pause-ended' })
    expect(items).toMatchObject([{ actor: 'system', reason: 'a moment', subject: 'fleet' }])
  })
})

describe('an agent that drains', () => {
  test('finishes what it has, is given nothing new, not even by hand, and says that it may be stopped', async () => {
    await using world = await withDatabase(soon)
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    await agent.accept(assign)
    const drained = await holdfast(fleet, 'agent', 'drain', 'host1', '--reason', 'kernel update')
    expect(drained).toMatchObject({ status: 0, err: '' })
    expect(drained.out).toContain('takes no new work')
    expect(await agent.next('drain')).toMatchObject({ drain: true, reason: 'kernel update' })
    expect((await holdfast(fleet, 'agent', 'get', 'host1')).out).toContain('has not heard of it yet')
    agent.draining = true
    await waitUntil(async () => (await holdfast(fleet, 'agent', 'list')).out.includes('draining'), {
      what: 'it to be shown as draining',
    })
    await waitUntil(
      async () =>
        (await holdfast(fleet, 'agent', 'get', 'host1')).out.includes('the agent takes nothing new'),
      { what: 'its own word that it takes nothing new' },
    )
    const result = agent.result(successOf(assign, agent))
    await agent.next('ack', each => each.resultId === result.resultId)
    await waitUntil(async () => (await holdfast(fleet, 'agent', 'list')).out.includes('drained'), {
      what: 'it to be drained',
    })
    await holdfast(fleet, 'backup', 'start', 'orders')
    await looked(fleet)
    expect(agent.count('assign')).toBe(1)
    const [job] = (await fleet.store.read.jobs({ size: 10 }, { open: true })).items
    if (job === undefined) throw new Error('no job waits')
    const reasons = (await fleet.store.read.decisions(job.id)).map(each => each.code)
    expect(reasons).toContain('agent-draining')

    // a new stream hears of it, too: the agent may have been started anew
    const again = await agent.again()
    expect(await again.next('drain')).toMatchObject({ drain: true })

    expect((await holdfast(fleet, 'agent', 'undrain', 'host1')).out).toContain('takes work again')
    expect(await again.next('drain')).toMatchObject({ drain: false })
    await again.next('assign')
    again.cut()
  })
})
