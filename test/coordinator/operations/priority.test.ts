import { expect, test } from 'vitest'
import { run } from '../../../cli/program.ts'
import { type Running, withDatabase } from '../running.ts'

async function start(fleet: Running, ...argv: string[]) {
  let out = ''
  const status = await run(['backup', 'start', 'orders', ...argv], {
    out: text => (out += text),
    err: text => (out += text),
    width: 100,
    interactive: false,
    environment: { HOLDFAST_COORDINATOR: `127.0.0.1:${fleet.port}` },
    now: Date.now,
    signal: new AbortController().signal,
  })
  return { status, out }
}

test.each([
  ['high', 1_000, 0],
  ['normal', 1, 2],
  ['low', -1_000, 2],
])(
  'a backup by hand with priority %s weighs %i in urgency class %i, and its story says so',
  async (priority, weight, urgency) => {
    await using world = await withDatabase({
      policies: [{ name: 'all', every: '20h', rpo: '26h', destination: 'main' }],
    })
    const { agent, fleet } = world
    await agent.succeed()
    expect(await start(fleet, '--priority', priority)).toMatchObject({ status: 0 })
    const assign = await agent.next('assign')
    const decisions = await fleet.store.read.decisions((assign.attempt?.jobId ?? '') as never)
    expect(decisions.find(each => each.code === 'placed')?.numbers).toMatchObject({ weight, urgency })
    expect(decisions.map(each => each.text)).toContainEqual(expect.stringContaining(`priority ${priority}`))
  },
)

test('a priority that is none is refused with those there are, and starts nothing', async () => {
  await using world = await withDatabase()
  const { fleet, agent } = world
  await agent.succeed()
  const { status, out } = await start(fleet, '--priority', 'urgent')
  expect(status).not.toBe(0)
  expect(out).toContain('low, normal, high')
  expect((await fleet.store.read.jobs({ size: 10 }, { open: true })).items).toEqual([])
})
