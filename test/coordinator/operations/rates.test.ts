import { describe, expect, test } from 'vitest'
import type { Assign } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { refOf, successOf } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { admin, withDatabase } from '../running.ts'

const mb = 1_000_000
const both = { slots_per_agent: 4, times: { protection: '100ms' } }
/** Two backups of some 13 MB/s each, by the planner's own reckoning, fit at a time. */
const limited = { ...both, budgets: { cluster: { slots: 4 }, destination: { max_rate: '40MB' } } }

async function atWork(over: Record<string, unknown>, features: readonly string[] = ['rate']) {
  const world = await withDatabase(over, { features })
  const sizeBytes = 4e9
  world.agent.inventory(world.instanceId, ['orders', 'stock'], { generation: 2, sizeBytes })
  return world
}

type World = Awaited<ReturnType<typeof atWork>>

/** Waits until the agent was told this of an attempt. */
function told({ agent }: Pick<World, 'agent'>, assign: Assign, holds: (megabytes: number) => boolean) {
  return agent.next(
    'rate',
    each => each.attempt?.attemptId === refOf(assign).attemptId && holds(each.maxRate / mb),
  )
}

describe('budgets of bytes a second, while jobs run', () => {
  test('each is told its share before it starts, anew when another comes or goes, and on a new stream', async () => {
    await using world = await atWork(limited)
    const { agent } = world
    const one = await agent.next('assign')
    await agent.accept(one)
    const two = await agent.next('assign')
    // both at once: no more than there is, together
    const first = await told(world, one, share => share > 10 && share < 30)
    const second = await told(world, two, share => share > 10 && share < 30)
    expect(first.maxRate + second.maxRate).toBeLessThanOrEqual(40 * mb)
    await agent.accept(two)
    agent.result(successOf(two, agent))
    await told(world, one, share => share > 35 && share <= 40)
    agent.cut()
    const again = await agent.again()
    await told({ agent: again }, one, share => share > 35 && share <= 40)
    again.cut()
  })

  test('without the budget, it is told that nothing limits it any more', async () => {
    await using world = await atWork(limited)
    const { agent, fleet } = world
    const one = await agent.next('assign')
    await told(world, one, share => share > 0)
    await fleet.coordinator.operations.applyPolicies(admin, {
      text: 'fleet: { destination: main }\nbudgets: { cluster: { slots: 4 } }\n',
      fromConfiguration: false,
      requestId: 'r1',
      reason: 'test',
    })
    await told(world, one, share => share === 0)
  })

  test('nothing is said where no budget limits a rate, nor to an agent that would not know it', async () => {
    await using free = await atWork(both)
    await free.agent.accept(await free.agent.next('assign'))
    // a look at the plan after that
    await waitUntil(
      async () => {
        const { items } = await free.fleet.store.read.jobs({ size: 10 }, { open: true, state: 'queued' })
        const [waiting] = items
        return (
          waiting &&
          (await free.fleet.store.read.decisions(waiting.id)).some(each => each.code === 'cluster-busy')
        )
      },
      { what: 'the other one to wait' },
    )
    expect(free.agent.count('rate')).toBe(0)
    await using old = await atWork(limited, [])
    await old.agent.accept(await old.agent.next('assign'))
    await old.agent.accept(await old.agent.next('assign'))
    expect(old.agent.count('rate')).toBe(0)
  })

  test('a copy keeps to `max_rate` of its policy', async () => {
    await using world = await withDatabase(
      {
        destinations: { main: { url: 'file:///nowhere' }, far: { url: 'file:///elsewhere' } },
        policies: [
          {
            name: 'all',
            every: '1h',
            rpo: '2h',
            destinations: ['main', 'far'],
            copies: 'after',
            max_rate: '7MB',
          },
        ],
        times: { protection: '100ms' },
      },
      { features: ['rate'] },
    )
    await world.agent.succeed()
    const copy = await world.agent.next('assign', each => each.kind === JobKind.COPY)
    await told(world, copy, share => share === 7)
  })
})
