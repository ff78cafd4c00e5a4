import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitUntil } from '../../harness/index.ts'
import { withDatabase } from '../running.ts'

/** One world for all: nothing here changes it. */
let world: Awaited<ReturnType<typeof withDatabase>>
beforeAll(async () => {
  world = await withDatabase({
    policies: [{ name: 'all', every: '6h', rpo: '8h', destination: 'main', importance: 3 }],
  })
})
afterAll(() => world[Symbol.asyncDispose]())

const day = { horizon: 24 * 3_600_000, limit: 100, whatIf: '' }

describe('the forecast of a running coordinator', () => {
  test('shows each backup of the time ahead, one each interval, with its host and destination', async () => {
    const { fleet, database } = world
    const plan = await waitUntil(
      async () => {
        const made = await fleet.coordinator.operations.forecast(day)
        return made.runs.some(each => each.databaseId === database.id) ? made : undefined
      },
      { what: 'a forecast with the database' },
    )
    const mine = plan.runs.filter(each => each.databaseId === database.id)
    expect(mine[0]).toMatchObject({ destination: 'main', host: expect.any(String) })
    expect(plan.missesTotal).toBe(0)
  })

  test('supposing that all agents are away, it says what will not make it and why', async () => {
    const { fleet } = world
    const host = fleet.coordinator.operations.liveAgents().keys().next().value
    const record = host === undefined ? undefined : await fleet.store.read.agent(host)
    const plan = await fleet.coordinator.operations.forecast({
      ...day,
      whatIf: `agents_away: [${record?.hostname}]`,
    })
    expect(plan.misses.length + plan.runs.filter(each => each.running).length).toBeGreaterThan(0)
    for (const each of plan.misses) expect(each.code).toBe('agent-away')
  })

  test('a what-if that is not understood is refused, naming its key; so is a time too far ahead, or past', async () => {
    const { forecast } = world.fleet.coordinator.operations
    await expect(forecast({ ...day, whatIf: 'slots_per_agnet: 1' })).rejects.toMatchObject({
      code: 'request.invalid',
      message: expect.stringContaining('slots_per_agnet'),
    })
    await expect(forecast({ ...day, whatIf: 'longer: -1' })).rejects.toMatchObject({
      code: 'request.invalid',
    })
    await expect(forecast({ ...day, whatIf: 'agents_away: [host-1]' })).rejects.toMatchObject({
      code: 'request.invalid',
      message: expect.stringContaining('no agent has the host name host-1'),
    })
    await expect(forecast({ ...day, whatIf: ': : :\n- x' })).rejects.toMatchObject({
      code: 'request.invalid',
    })
    await expect(forecast({ ...day, from: Date.now() + 1e10 })).rejects.toMatchObject({
      code: 'request.invalid',
    })
    // what the plan was is not what it would be from now on
    await expect(forecast({ ...day, from: Date.now() - 3_600_000 })).rejects.toMatchObject({
      code: 'request.invalid',
      message: expect.stringContaining('in the past'),
    })
  })
})
