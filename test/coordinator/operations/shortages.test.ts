import { expect, test } from 'vitest'
import { waitUntil } from '../../harness/index.ts'
import { gapsOf } from '../gaps-of.ts'
import { withDatabase } from '../running.ts'

/** Hours of work each: a cluster does one at a time. */
const sizeBytes = 4e12

test('P1: a due database that gets no slot before its promise breaks is a gap before it does', async () => {
  await using world = await withDatabase({
    policies: [{ name: 'all', every: '1h', rpo: '2h', destination: 'main' }],
  })
  const { fleet, agent, instanceId } = world
  agent.inventory(instanceId, ['orders', 'stock'], { generation: 2, sizeBytes })
  const assign = await agent.next('assign')
  await agent.accept(assign)
  const gap = await waitUntil(async () => (await gapsOf(fleet)).find(each => each.reason === 'no-capacity'), {
    what: 'the database that waits to be a gap',
  })
  expect(gap).toMatchObject({ subjectKind: 'database', state: 'at-risk' })
  expect(gap.detail).toMatch(
    /^by the forecast not before \d{4}-.*Z, when its promise breaks: others of its cluster come first$/,
  )
  // the one at work is none, and neither is what follows when it ends
  expect((await gapsOf(fleet)).map(each => each.subjectName)).toEqual([gap.subjectName])
})
