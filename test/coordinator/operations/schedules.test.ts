import { expect, test } from 'vitest'
import { nextInstant } from '../../../coordinator/policy/index.ts'
import { waitUntil } from '../../harness/index.ts'
import { withDatabase } from '../running.ts'

const policy = {
  name: 'all',
  rpo: '50h',
  destination: 'main',
  retry: { attempts: 3, base_delay: '20ms', max_delay: '50ms' },
}

test('a cron schedule: backed up at once when it never was, then due at the next instant by its zone’s clocks', async () => {
  const [cron, zone] = ['30 1 * * *', 'Europe/Berlin']
  await using world = await withDatabase({ policies: [{ ...policy, cron, zone }] })
  const { agent, database, fleet } = world
  await agent.succeed()
  const state = await fleet.store.read.databaseState(database.id)
  const { assignedAt } = (
    await fleet.store.read.attempts(
      (await fleet.store.read.jobs({ size: 1 }, {})).items[0]?.id ?? ('' as never),
    )
  )[0] ?? { assignedAt: 0 }
  expect(state?.lastAssignedAt).toBe(assignedAt)
  expect(state?.nextDueAt).toBe(nextInstant(cron, zone, Math.max(assignedAt, state?.lastDataAsOf ?? 0)))
})

test('a black-out over all hours but none now: nothing is given out, and the promise says so at once', async () => {
  // open for a minute a week, in three days or more: no backup fits before the promise breaks
  const weekday = new Date(Date.now() + 4 * 86_400_000).toLocaleDateString('en-US', {
    weekday: 'short',
    timeZone: 'UTC',
  })
  await using world = await withDatabase({
    policies: [{ ...policy, every: '24h', windows: [`${weekday} 12:00-12:01`], blackouts: ['00:00-11:00'] }],
  })
  const { agent, database, fleet } = world
  const state = await waitUntil(
    async () => {
      const found = await fleet.store.read.databaseState(database.id)
      return found?.reason === 'window-too-small' ? found : undefined
    },
    { what: 'the breach of a window that is too small' },
  )
  expect(state.protection).toBe('breached')
  expect(agent.frames.filter(each => each.$case === 'assign')).toEqual([])
})
