import { expect, test } from 'vitest'
import { holdfast } from '../../cli/holdfast.ts'
import { failureOf } from '../../harness/fake-agent.ts'
import { withDatabase } from '../running.ts'

test('what a failed attempt took is kept, and shown with its job', async () => {
  await using world = await withDatabase({
    policies: [
      {
        name: 'all',
        every: '1h',
        rpo: '2h',
        destination: 'main',
        retry: { attempts: 5, base_delay: '1h', max_delay: '1h' },
      },
    ],
  })
  const { agent, fleet } = world
  const assign = await agent.next('assign')
  const ref = await agent.accept(assign)
  const observed = {
    strategy: 'staged',
    strategyReason: 'asked',
    retries: 17,
    agentPeakRssBytes: 150 << 20,
    childrenPeakRssBytes: 90 << 20,
    durationMs: 65_000,
    yieldedMs: 190_000,
  }
  const result = agent.result({ ...failureOf(assign), observed })
  await agent.next('ack', each => each.resultId === result.resultId)
  expect((await fleet.store.read.attempts(ref.jobId as never))[0]).toMatchObject({
    outcome: 'failed',
    observed,
  })
  const { status, out } = await holdfast(['job', 'get', ref.jobId, '-o', 'json'], {
    address: `127.0.0.1:${fleet.port}`,
  })
  expect(status, out).toBe(0)
  const card = await holdfast(['job', 'get', ref.jobId], { address: `127.0.0.1:${fleet.port}` })
  expect(card.out).toMatch(/yielded +3m to its host/)
  expect(JSON.parse(out)).toMatchObject({
    job: { observed: { retries: 17, strategy: 'staged', duration_ms: 65_000, yielded_ms: 190_000 } },
  })
})
