import { describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../shared/clock/index.ts'
import { waitUntil } from '../../harness/index.ts'
import { type Running, withDatabase } from '../running.ts'

const hour = 3_600_000
const year = 365 * 24 * hour

/** The machine's clock, with a wall that a test moves. */
function movable(shift = 0): Clock & { shift: number } {
  const clock = {
    ...systemClock,
    shift,
    now: () => {
      const { wall, mono } = systemClock.now()
      return { wall: wall + clock.shift, mono }
    },
  }
  return clock
}

const config = {
  // three missed on a busy machine are no silence
  times: { heartbeat: '400ms' },
  policies: [
    {
      name: 'all',
      every: '10m',
      rpo: '20m',
      destination: 'main',
      retry: { attempts: 3, base_delay: '20ms', max_delay: '50ms' },
    },
  ],
}

/** Long enough for every loop to have looked several times, and for agents to have told the time. */
async function looked(): Promise<void> {
  const from = systemClock.now().mono
  await waitUntil(() => systemClock.now().mono - from > 4_000, { what: 'some looks' })
}

const openAlerts = async (fleet: Running) =>
  (await fleet.store.read.openAlerts()).map(each => each.kind).sort()

const protectionOf = async (fleet: Running) =>
  (await fleet.store.read.databases({ size: 10 }, { name: 'orders' })).items[0]?.state?.protection

describe.each([
  ['an hour ahead', hour],
  ['a year ahead', year],
  ['an hour back', -hour],
  ['a year back', -year],
])('the coordinator’s clock jumps %s', (_title, by) => {
  test('no promise breaks, no lease ends, no agent is silent, nothing new is due; right again, all goes on', async () => {
    const clock = movable()
    await using world = await withDatabase(config, {}, { clock })
    const { agent, fleet } = world
    await agent.succeed()
    await waitUntil(async () => (await protectionOf(fleet)) === 'protected', { what: 'protection' })
    // at work when it happens
    const other = await fleet.coordinator.operations.startBackup(
      {
        kind: 'operator',
        name: 'a',
        roles: ['viewer', 'operator', 'restorer', 'admin'],
        scope: { kind: 'fleet' },
      },
      { databaseId: world.database.id, requestId: 'r1', reason: '' },
    )
    const assign = await agent.next('assign', each => each.attempt?.jobId === other.job.id)
    await agent.accept(assign)
    const before = agent.count('assign')
    clock.shift = by
    await looked()
    expect(await protectionOf(fleet)).toBe('protected')
    expect(agent.count('assign')).toBe(before)
    expect((await fleet.store.read.job(other.job.id))?.state.kind).toBe('running')
    expect((await openAlerts(fleet)).filter(each => each !== 'clock-offset')).toEqual(['coordinator-clock'])
    await waitUntil(() => fleet.coordinator.operations.liveAgent(agent.agentId)?.state === 'connected', {
      what: 'the agent to be heard of',
    })

    clock.shift = 0
    await looked()
    expect(await protectionOf(fleet)).toBe('protected')
    expect(await openAlerts(fleet)).toEqual([])
    expect((await fleet.store.read.job(other.job.id))?.state.kind).toBe('running')
  })
})

test('a clock that was wrong and is set right is believed: the schedule goes on by it', async () => {
  const clock = movable(-hour)
  await using world = await withDatabase(config, {}, { clock })
  const { agent, fleet } = world
  await agent.succeed()
  await waitUntil(async () => (await protectionOf(fleet)) === 'protected', { what: 'protection' })
  clock.shift = 0
  // an hour later by the right time: the next backup is due
  const assign = await agent.next('assign')
  expect(assign.spec?.$case).toBe('backup')
})

describe.each([
  ['an hour', hour],
  ['a year', year],
])('a coordinator that started with its clock %s ahead', (_title, by) => {
  test('P1: does not keep promises standing by what it wrote down then: once the clock is right, times are corrected and the next backup is due', async () => {
    const clock = movable(by)
    await using world = await withDatabase(config, {}, { clock })
    const { agent, fleet, database } = world
    const truth = Date.now()
    // the server's clock was right all along
    await agent.succeed({ dataAsOf: truth })
    const state = () => fleet.store.read.databaseState(database.id)
    await waitUntil(async () => (await state())?.backups === 1, { what: 'the backup' })
    expect((await state())?.lastDataAsOf).toBeGreaterThan(truth + by - 60_000)

    // set right, as by a restart: nothing jumps
    clock.shift = 0
    await fleet.restart()
    await agent.again()
    await waitUntil(async () => ((await state())?.lastDataAsOf ?? Number.POSITIVE_INFINITY) < Date.now(), {
      what: 'the correction',
      timeout: 20_000,
    })
    const corrected = await state()
    expect(Math.abs((corrected?.lastDataAsOf ?? 0) - truth)).toBeLessThan(30_000)
    expect(corrected?.nextDueAt).toBeLessThan(truth + 11 * 60_000)
    expect(corrected?.clockFrom).toBeLessThanOrEqual(Date.now())
    const instance = async () => (await fleet.store.read.instances({ size: 1 }, {})).items[0]
    await waitUntil(async () => ((await instance())?.firstSeenAt ?? Number.POSITIVE_INFINITY) <= Date.now(), {
      what: 'the first sight of its server to be in the past',
    })
    const [backup] = (await fleet.store.read.backups({ size: 5 }, { databaseId: database.id })).items
    expect(backup?.dataAsOf).toBe(corrected?.lastDataAsOf)
    const told = (await fleet.store.read.audit({ size: 5 }, { action: 'backup.time-corrected' })).items
    expect(told).toMatchObject([{ subject: backup?.id, detail: { data_as_of: backup?.dataAsOf } }])
  })
})

describe.each([
  ['an hour', hour],
  ['a year', year],
])('an agent’s clock jumps %s', (_title, by) => {
  test('people are told of it; its work, its lease and its promises go on', async () => {
    await using world = await withDatabase(config, { heartbeats: false })
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    await agent.accept(assign)
    const jobId = (assign.attempt?.jobId ?? '') as never
    const beat = setInterval(() => agent.heartbeat(undefined, { sentAt: Date.now() + by }), 100)
    try {
      await waitUntil(async () => (await openAlerts(fleet)).includes('clock-offset'), { what: 'the alert' })
      await looked()
      expect((await fleet.store.read.job(jobId))?.state.kind).toBe('running')
      expect(await openAlerts(fleet)).toEqual(['clock-offset'])
      expect(fleet.coordinator.operations.liveAgent(agent.agentId)?.clockOffset).toBeLessThan(-by + 60_000)
    } finally {
      clearInterval(beat)
    }
  })
})
