import { expect, test } from 'vitest'
import { successOf } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { withDatabase } from '../running.ts'

const recipient = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'

test('every setting that an agent keeps is in its offer, in the units of the wire', async () => {
  await using world = await withDatabase(
    {
      destinations: { main: { url: 'file:///nowhere' }, far: { url: 'file:///elsewhere' } },
      policies: [
        {
          ...{ name: 'all', every: '1h', rpo: '2h', destinations: ['main', 'far'] },
          ...{ min_copies: 2, copy_patience: '5m', strategy: 'auto', max_rate: '50MB', idle_timeout: '5m' },
          ...{ streams: 3, timeout: '6h', blocking_limit: '10s', xmin_age_limit: 200_000_000 },
          ...{ replay_lag_limit: '30m', replay_backlog_limit: '10GB' },
          compression: { codec: 'zstd', level: 6, long: 27, threads: 2 },
          encryption: { required: true, recipients: [recipient] },
          hooks: { before: ['freeze'], after: ['thaw'], on_failure: ['tell'] },
          verification: { every: '7d', census: 'none' },
        },
      ],
    },
    { features: ['encryption', 'hooks'], hooks: ['freeze', 'thaw', 'tell'] },
  )
  const assign = await world.agent.next('assign')
  expect(assign.spec?.value).toMatchObject({
    ...{ policyName: 'all', minCopies: 2, copyPatienceMs: 300_000, strategy: 'auto', maxRate: 50_000_000 },
    ...{ idleTimeoutMs: 300_000, streams: 3, timeoutMs: 21_600_000, blockingLimitMs: 10_000 },
    ...{ xminAgeLimit: 200_000_000, replayLagLimitMs: 1_800_000, replayBacklogLimit: 10_000_000_000 },
    ...{ codec: 'zstd', codecLevel: 6, codecLong: 27, codecThreads: 2, census: 'none' },
    destination: { name: 'main' },
    destinations: [{ name: 'far' }],
    encryption: { required: true, recipients: [recipient] },
    hooks: { before: ['freeze'], after: ['thaw'], onFailure: ['tell'] },
  })
})

test('a backup that runs longer than its policy says is told of, and told over when it ends', async () => {
  await using world = await withDatabase({
    policies: [{ name: 'all', every: '1h', rpo: '2h', destination: 'main', long_running_after: '1s' }],
  })
  const { agent, fleet } = world
  const assign = await agent.next('assign')
  await agent.accept(assign)
  const open = async () => (await fleet.store.read.openAlerts()).find(each => each.kind === 'long-running')
  const alert = await waitUntil(open, { what: 'the alert long-running' })
  expect(alert.facts).toMatchObject({ limit: '1s', job_id: assign.attempt?.jobId })
  agent.result(successOf(assign, agent))
  await waitUntil(async () => (await open()) === undefined, { what: 'the alert to be over' })
})

test('importance of a policy is what its jobs are ranked by', async () => {
  await using world = await withDatabase({
    policies: [{ name: 'all', every: '1h', rpo: '2h', destination: 'main', importance: 9 }],
  })
  const { attempt } = await world.agent.next('assign')
  const decisions = await waitUntil(
    async () => {
      const found = await world.fleet.store.read.decisions((attempt?.jobId ?? '') as never)
      return found.find(each => each.code === 'placed')
    },
    { what: 'its decision' },
  )
  expect(decisions.numbers).toMatchObject({ weight: 9 })
})
