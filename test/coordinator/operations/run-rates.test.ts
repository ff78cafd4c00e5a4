import { expect, test } from 'vitest'
import { waitUntil } from '../../harness/index.ts'
import { withDatabase } from '../running.ts'

test('P1: of a dead agent no backup fails, and the rate of those expected falls', async () => {
  await using world = await withDatabase({
    policies: [{ name: 'all', every: '1s', rpo: '2s', destination: 'main' }],
  })
  const { fleet, agent } = world
  await agent.succeed()
  const status = () => fleet.coordinator.operations.status()
  await waitUntil(async () => (await status()).runs.made > 0, { what: 'the first run to count' })
  agent.cut()
  const dead = await waitUntil(
    async () => {
      const now = await status()
      return now.runs.expected >= now.runs.made + 2 ? now : undefined
    },
    { what: 'runs that nobody attempted to be missed' },
  )
  expect(dead.aggregates.failed24h).toBe(0)
})
