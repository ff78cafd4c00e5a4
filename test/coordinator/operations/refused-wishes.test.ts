import { expect, test } from 'vitest'
import { run } from '../../../cli/program.ts'
import { waitUntil } from '../../harness/index.ts'
import { discovered, type Running, withDatabase } from '../running.ts'

const policies = [
  { name: 'all', match: { services: ['orders-db'] }, every: '1h', rpo: '2h', destination: 'main' },
  { name: 'cheap', match: { clusters: ['nobody'] }, every: '1h', rpo: '9h', destination: 'main' },
]

async function said(fleet: Running, ...argv: string[]) {
  let out = ''
  await run(argv, {
    out: text => (out += text),
    err: text => (out += text),
    width: 200,
    interactive: false,
    environment: { HOLDFAST_COORDINATOR: `127.0.0.1:${fleet.port}` },
    now: Date.now,
    signal: new AbortController().signal,
  })
  return out
}

test('a policy that service meta names in vain is seen where people look: unknown, and weaker', async () => {
  await using world = await withDatabase({ policies })
  const { fleet } = world
  expect(await said(fleet, 'database', 'get', 'orders')).not.toContain('refused')
  for (const [named, why] of [
    ['gold', 'there is no policy gold'],
    ['cheap', 'policy cheap would weaken all: a longer RPO'],
  ] as const) {
    fleet.source.show([discovered({ meta: { 'holdfast-policy': named } })])
    await waitUntil(async () => (await said(fleet, 'database', 'get', 'orders')).includes(why), {
      what: `the refusal: ${why}`,
    })
    expect(await said(fleet, 'cluster', 'get', 'orders-db')).toContain(why)
    await waitUntil(
      async () =>
        (await fleet.store.read.audit({ size: 50 }, { actor: 'discovery' })).items.some(
          each => each.class === 'security' && each.reason === 'meta-refused',
        ),
      { what: 'the audit to have it' },
    )
    expect(await said(fleet, 'policy', 'list', '-o', 'json')).toContain(
      `what its service meta asks for is not in effect for a database: ${why}`,
    )
  }
  fleet.source.show([discovered()])
  await waitUntil(async () => !(await said(fleet, 'cluster', 'get', 'orders-db')).includes('service meta'), {
    what: 'no refusal',
  })
})
