import { describe, expect, test } from 'vitest'
import { waitUntil } from '../../harness/index.ts'
import { gapsOf } from '../gaps-of.ts'
import { discovered, withDatabase } from '../running.ts'

describe('a server that vanishes', () => {
  test('is a gap that says since when, while its promise is still judged; its database is the same one when it is back', async () => {
    await using world = await withDatabase()
    const { agent, fleet, database, instanceId } = world
    await agent.succeed()
    fleet.source.show([])
    const lines = () => gapsOf(fleet)
    const gap = await waitUntil(async () => (await lines()).find(each => each.reason === 'gone'), {
      what: 'the gap',
    })
    expect(gap).toMatchObject({ subjectKind: 'instance', subjectId: instanceId, state: 'unprotected' })
    expect(gap.since).toBeGreaterThan(0)
    const known = await fleet.store.read.databases({ size: 9 }, { name: 'orders' })
    expect(known.items[0]?.database).toMatchObject({ id: database.id })
    expect(known.items[0]?.database.goneSince).toBeUndefined()
    fleet.source.show([discovered()])
    await waitUntil(async () => !(await lines()).some(each => each.reason === 'gone'), { what: 'its end' })
  })

  test('gives its databases a tombstone when the grace is over: no gap any more, backups stay, and it may come back', async () => {
    await using world = await withDatabase({ times: { gone_grace: '50ms' } })
    const { agent, fleet, database, instanceId } = world
    await agent.succeed()
    fleet.source.show([])
    const found = () =>
      fleet.store.read.databases({ size: 9 }, { name: 'orders' }).then(({ items }) => items[0])
    const gone = await waitUntil(
      async () => {
        const each = await found()
        return each?.database.goneSince === undefined ? undefined : each
      },
      { what: 'the tombstone' },
    )
    expect(gone).toMatchObject({
      database: { id: database.id },
      state: { protection: 'unprotected', reason: 'gone', backups: 1 },
    })
    expect(gone.state?.reasonDetail).toMatch(/^not seen since 2/)
    await waitUntil(async () => (await gapsOf(fleet)).length === 0, { what: 'no gap' })
    fleet.source.show([discovered()])
    await waitUntil(
      async () => fleet.store.read.instances({ size: 9 }, { gone: false }).then(p => p.items.length === 1),
      {
        what: 'its return',
      },
    )
    agent.inventory(instanceId, ['orders'], { generation: 9 })
    const back = await waitUntil(
      async () => {
        const each = await found()
        return each?.database.goneSince === undefined ? each : undefined
      },
      { what: 'the database' },
    )
    expect(back).toMatchObject({ database: { id: database.id }, state: { backups: 1 } })
  })
})
