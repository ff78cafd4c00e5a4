import { expect, test } from 'vitest'
import { waitUntil } from '../../harness/index.ts'
import { discovered, running } from '../running.ts'

/** No database here is to be backed up. */
const quiet = { policies: [{ name: 'none', match: { databases: ['nothing'] }, destination: 'main' }] }
const names = (count: number) => Array.from({ length: count }, (_, i) => `tenant_${i}`)

test('one database more than `limits.databases`, of 50,000 over the wire: refused whole, what is known stays, the instance says why', async () => {
  await using fleet = await running({ ...quiet, limits: { databases: 49_999 } })
  fleet.source.show([discovered()])
  const agent = await fleet.agent()
  const watch = await agent.next('watch', each => each.instances.length > 0)
  const instanceId = watch.instances[0]?.instanceId ?? ''
  const instance = async () => (await fleet.store.read.instances({ size: 1 }, {})).items[0]
  // three chunks of it, taken in
  agent.inventory(instanceId, names(1_100))
  await waitUntil(async () => (await instance())?.inventoriedAt !== undefined, {
    what: 'the first inventory',
  })
  const known = async () => (await fleet.store.read.aggregates(0)).databases
  const before = await known()
  expect(before).toBe(1_100)

  agent.inventory(instanceId, names(50_000), { generation: 2 })
  const refused = await waitUntil(async () => (await instance())?.inventoryFailure, { what: 'the refusal' })
  expect(refused).toMatchObject({ code: 'link.too-large', context: { reason: 'inventory-too-large' } })
  expect(await known()).toBe(before)
  // a server with too many databases is no reason to cut its agent off
  expect(agent.status).toBeUndefined()
  agent.inventory(instanceId, names(1_101), { generation: 3 })
  // written last: of the databases some pages may be known already while the instance still tells of the refusal
  await waitUntil(async () => (await instance())?.inventoryFailure === undefined, {
    what: 'an inventory that is none too large',
  })
  expect(await known()).toBe(1_101)
})
