import { expect, test } from 'vitest'
import { waitUntil } from '../../harness/index.ts'
import { gapsOf } from '../gaps-of.ts'
import { discovered, running } from '../running.ts'

/** A primary and a replica, an agent each; what is told of them is up to the test. */
async function pair(replica: 'prefer' | 'require' | 'never') {
  const fleet = await running({
    policies: [{ name: 'all', every: '1h', rpo: '2h', destination: 'main', replica, replica_max_lag: '1m' }],
  })
  const meta = { 'holdfast-cluster': 'orders' }
  fleet.source.show(['p', 's'].map(nodeName => discovered({ nodeName, meta })))
  const begin = async (hostname: string) => {
    const agent = await fleet.agent({ hostname })
    const watch = await agent.next('watch', each => each.instances.length === 1)
    let generation = 0
    const tell = (role: 'primary' | 'replica', lagMs?: number) =>
      agent.inventory(watch.instances[0]?.instanceId ?? '', ['orders'], {
        generation: ++generation,
        role,
        evidence: 'system-1',
        ...(lagMs === undefined ? {} : { lagMs }),
      })
    return Object.assign(agent, { tell })
  }
  const [p, s] = [await begin('p'), await begin('s')]
  const gap = (reason: string, detail: string) =>
    waitUntil(
      async () => (await gapsOf(fleet)).find(each => each.reason === reason && each.detail.includes(detail)),
      { what: `the gap ${reason}: ${detail}` },
    )
  return { fleet, p, s, gap, [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose]() }
}

test('P1: a policy that demands a replica waits for one, and says for which; then the replica does it', async () => {
  await using world = await pair('require')
  const { p, s, gap, fleet } = world
  p.tell('primary')
  const none = await gap('waiting-for-replica', 'none is known')
  expect(none).toMatchObject({ subjectKind: 'database', state: 'unprotected' })
  s.tell('replica', 600_000)
  await gap('waiting-for-replica', 's is more than 1m behind')
  const [job] = (await fleet.store.read.jobs({ size: 9 }, { open: true })).items
  if (job !== undefined)
    await waitUntil(
      async () =>
        (await fleet.store.read.decisions(job.id)).some(each => each.code === 'waiting-for-replica'),
      { what: 'the plan to say so, too' },
    )
  s.tell('replica', 0)
  const assign = await s.next('assign')
  expect(assign.spec?.$case).toBe('backup')
  await s.accept(assign)
  await waitUntil(async () => (await gapsOf(fleet)).length === 0, { what: 'no gap' })
})

test('a policy that takes no replica waits for a primary', async () => {
  await using world = await pair('never')
  world.s.tell('replica', 0)
  world.p.tell('replica', 0)
  await world.gap('waiting-for-primary', 'takes no replica')
  world.p.tell('primary')
  expect((await world.p.next('assign')).spec?.$case).toBe('backup')
})
