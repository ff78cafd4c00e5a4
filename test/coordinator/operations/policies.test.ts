import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { run } from '../../../cli/program.ts'
import { temporaryFolder, waitUntil } from '../../harness/index.ts'
import { discovered, type Running, withDatabase } from '../running.ts'

/** The command as people type it, against the coordinator of the test. */
async function holdfast(fleet: Running, ...argv: string[]) {
  let out = ''
  let err = ''
  const status = await run(argv, {
    out: text => (out += text),
    err: text => (err += text),
    width: 140,
    interactive: false,
    environment: { HOLDFAST_COORDINATOR: `127.0.0.1:${fleet.port}` },
    now: Date.now,
    signal: new AbortController().signal,
  })
  return { status, out, err }
}

/** A verb with a text in place of its file. */
async function withText(fleet: Running, verb: string, text: string, ...more: string[]) {
  await using folder = await temporaryFolder('policies')
  const file = join(folder.path, 'policies.yaml')
  await writeFile(file, text)
  return holdfast(fleet, 'policy', verb, file, ...more)
}

const audited = async (fleet: Running, action: string) =>
  (await fleet.store.read.audit({ size: 50 }, { action })).items

const layered = `
fleet: { destination: main, rpo: 3h, every: 1h, retry: { base_delay: 20ms, max_delay: 50ms } }
rules:
  - { name: orders, match: { services: [orders-db] }, importance: 7 }
databases:
  orders-db/orders: { rpo: 5h }
`

describe('policies that are applied', () => {
  test('hold at once, without a restart; each value says which rule gave it; the audit has the difference', async () => {
    await using world = await withDatabase()
    const { fleet, database } = world
    const diff = await withText(fleet, 'diff', layered)
    expect(diff, diff.err).toMatchObject({ status: 1 })
    expect(diff.out).toContain('+ databases.orders-db/orders.rpo: 5h')
    expect(diff.out).toContain('- policies.all.rpo: 2h')
    expect(diff.out).toMatch(/the promise of \d of \d databases? changes/)
    expect(await audited(fleet, 'policies.changed')).toEqual([])

    const applied = await withText(fleet, 'apply', layered, '--reason', 'CHG-91')
    expect(applied, applied.err).toMatchObject({ status: 0 })
    expect(applied.out).toContain('revision 2 is in force')
    await waitUntil(
      async () => (await fleet.store.read.databaseState(database.id))?.rpoMs === 5 * 3_600_000,
      {
        what: 'the new promise',
      },
    )
    expect((await fleet.store.read.databaseState(database.id))?.policyName).toBe('orders')

    const effective = await holdfast(fleet, 'policy', 'get', '--effective', 'orders-db/orders')
    expect(effective.out).toMatch(/rpo +5h +orders-db\/orders +database/)
    expect(effective.out).toMatch(/importance +7 +orders +rule/)
    expect(effective.out).toMatch(/destination +main +fleet +fleet/)
    expect(effective.out).toMatch(/codec +zstd +\(default\) +default/)

    const [event] = await audited(fleet, 'policies.changed')
    expect(event).toMatchObject({ reason: 'CHG-91', subject: 'policies/2' })
    expect(event?.detail['changes']).toContain('+ rules.orders.importance: 7')
    const listed = await holdfast(fleet, 'policy', 'list')
    expect(listed.out).toMatch(/revision 2, as applied by .*the more exact is stronger/)
    expect(listed.out).toMatch(/orders +rule +services orders-db +\d/)
  })

  test('what stands beside them takes the place of the configuration, live; what cannot be is refused', async () => {
    await using world = await withDatabase({ slots_per_agent: 4 })
    const { fleet } = world
    const slots = async () =>
      /slots +\d\/(\d)/.exec((await holdfast(fleet, 'agent', 'get', 'host1')).out)?.[1]
    expect(await slots()).toBe('4')

    const stray = `${layered}\nalerts: { routes: [{ channels: [nobody] }] }`
    const refused = await withText(fleet, 'apply', stray)
    expect(refused.status).not.toBe(0)
    expect(refused.err).toContain('alerts.routes.0.channels.0')
    expect(refused.err).toContain('one of the channels')

    const live = `${layered}\nslots_per_agent: 1\nalerts: { group_wait: 5s, disk_free: 12 }`
    const applied = await withText(fleet, 'apply', live)
    expect(applied, applied.err).toMatchObject({ status: 0 })
    expect(await slots()).toBe('1')
    const [event] = await audited(fleet, 'policies.changed')
    expect(event?.detail['changes']).toMatch(/\+ alerts.disk_free: 12\n\+ alerts.group_wait: 5s/)
    expect(event?.detail['changes']).toContain('+ slots_per_agent: 1')

    await fleet.restart()
    await waitUntil(async () => (await slots()) === '1', { what: 'it to hold over a restart', interval: 50 })
    await holdfast(fleet, 'policy', 'apply', '--from-configuration')
    expect(await slots()).toBe('4')
  })

  test('importance that service meta raised is shown as what holds, and who gave it', async () => {
    await using world = await withDatabase()
    const { fleet } = world
    fleet.source.show([discovered({ meta: { 'holdfast-importance': '40' } })])
    await waitUntil(
      async () =>
        /importance +40 +holdfast-importance +service meta/.test(
          (await holdfast(fleet, 'policy', 'get', '--effective', 'orders-db/orders')).out,
        ),
      { what: 'the importance of its meta', interval: 50 },
    )
  })

  test('are in force after a restart, too, until the configuration is asked for again', async () => {
    await using world = await withDatabase()
    const { fleet } = world
    await withText(fleet, 'apply', layered)
    await fleet.restart()
    const text = (await holdfast(fleet, 'policy', 'get')).out
    expect(text.trim()).toBe(layered.trim())
    const back = await holdfast(fleet, 'policy', 'apply', '--from-configuration')
    expect(back, back.err).toMatchObject({ status: 0 })
    expect((await holdfast(fleet, 'policy', 'list')).out).toContain('from the configuration')
    expect((await holdfast(fleet, 'policy', 'get', '--revision', '2')).out.trim()).toBe(layered.trim())
    await fleet.restart()
    expect((await holdfast(fleet, 'policy', 'list')).out).toContain('revision 3, from the configuration')
  })

  test('the same request twice is one revision; a revision that is not in force any more is a conflict', async () => {
    await using world = await withDatabase()
    const { fleet } = world
    const once = await withText(fleet, 'apply', layered, '--request-id', 'r1', '--revision', '1')
    const again = await withText(fleet, 'apply', layered, '--request-id', 'r1', '--revision', '1')
    expect([once.status, again.status], once.err).toEqual([0, 0])
    expect(again.out).toContain('revision 2')
    expect(await audited(fleet, 'policies.changed')).toHaveLength(1)
    const late = await withText(fleet, 'apply', `${layered}# again`, '--revision', '1')
    expect(late.status).toBe(12)
    expect(late.err).toContain('the policies were changed since')
  })
})

describe('refused, and those in force stay', () => {
  const texts = [
    ['no YAML', 'fleet: [', 'policies:1'],
    ['an unknown setting', 'fleet: { destinaton: main }', 'did you mean fleet.destination?'],
    ['a destination there is not', 'fleet: { destination: nowhere }', 'must be one of the destinations'],
    ['a cron that never fires', 'fleet: { destination: main, cron: 0 0 31 4 * }', 'never comes'],
    [
      'a zone there is not',
      'fleet: { destination: main, cron: 0 0 * * *, zone: Mars/Olympus }',
      'no IANA zone',
    ],
    [
      'a negative budget',
      'fleet: { destination: main }\nbudgets: { site: { slots: -1 } }',
      'budgets.site.slots',
    ],
    [
      'rules that inherit from each other',
      'rules: [{ name: a, match: {}, extends: b, destination: main }, { name: b, match: {}, extends: a }]',
      'unknown key',
    ],
    [
      'what stands in itself',
      'fleet: &f { destination: main, retry: *f }',
      'must not refer to what it stands in',
    ],
    [
      'an absurd rate of a policy',
      'fleet: { destination: main, max_rate: 50 }',
      'is a unit missing, such as 50MB?',
    ],
    [
      'an absurd budget',
      'fleet: { destination: main }\nbudgets: { site: { max_rate: 50 } }',
      'budget-too-small',
    ],
    [
      'rules of equal rank that disagree',
      'fleet: { destination: main }\nrules: [{ name: a, match: { tags: [x] }, importance: 1 }, { name: b, match: { tags: [y] }, importance: 2 }]',
      'equal rank and disagree on importance',
    ],
    ['what nothing says the destination of', 'rules: [{ name: a, match: {}, rpo: 30h }]', 'no-destination'],
    ['an end of every promise', 'policies: []', 'loses-policy'],
    ['nothing at all', '', 'is empty'],
  ] as const

  test('what cannot be meant, by validate and by apply', async () => {
    await using world = await withDatabase()
    const { fleet } = world
    fleet.source.show([discovered({ tags: ['x', 'y'] })])
    await waitUntil(
      async () => (await fleet.store.read.instances({ size: 1 }, {})).items[0]?.tags.length === 2,
      { what: 'the tags' },
    )
    for (const [what, text, expected] of texts) {
      const refused = await withText(fleet, 'apply', text)
      expect(refused.status, `${what}: ${refused.out}`).not.toBe(0)
      expect(refused.err.replaceAll(/\s+/g, ' '), what).toContain(expected)
      if (text === '') continue
      const validated = await withText(fleet, 'validate', text)
      expect(validated.status, `${what}: ${validated.out}`).toBe(1)
    }
    expect((await holdfast(fleet, 'policy', 'list')).out).toContain('revision 1, from the configuration')
    expect(await audited(fleet, 'policies.changed')).toEqual([])
  })

  test('a promise shorter than the last backup took; one that stands already does not keep others from changing', async () => {
    await using world = await withDatabase()
    const { fleet, agent, database } = world
    await agent.succeed()
    await waitUntil(async () => (await fleet.store.read.databaseState(database.id))?.backups === 1, {
      what: 'the backup',
    })
    await fleet.store.write('test', async tx => {
      const state = await tx.databases.state(database.id)
      if (state !== undefined) await tx.databases.putState({ ...state, lastDurationMs: 4 * 3_600_000 })
    })
    await fleet.restart()
    const shorter = await withText(fleet, 'apply', 'fleet: { destination: main, rpo: 90m, every: 1h }')
    expect(shorter.status).toBe(10)
    expect(shorter.err).toContain('(promise-too-short)')
    const longer = 'fleet: { destination: main, rpo: 3h, every: 1h }'
    expect((await withText(fleet, 'validate', longer)).out).toContain('warning: fleet: `rpo` 3h is shorter')
    const applied = await withText(fleet, 'apply', longer)
    expect(applied, applied.err).toMatchObject({ status: 0 })
  })
})

describe('policies in a file of their own', () => {
  test('hold when the file changes; a bad edit keeps the last good ones', async () => {
    await using folder = await temporaryFolder('policies')
    const file = join(folder.path, 'policies.yaml')
    await writeFile(file, layered)
    await using world = await withDatabase({ policy: { file } })
    const { fleet, database } = world
    const hours = async () => ((await fleet.store.read.databaseState(database.id))?.rpoMs ?? 0) / 3_600_000
    await waitUntil(async () => (await hours()) === 5, { what: 'the promise of the file' })
    await writeFile(file, layered.replace('rpo: 5h', 'rpo: never'))
    await waitUntil(async () => (await audited(fleet, 'policies.refused')).length === 1, {
      what: 'the refusal',
      timeout: 10_000,
    })
    expect(await hours()).toBe(5)
    await writeFile(file, layered.replace('rpo: 5h', 'rpo: 7h'))
    await waitUntil(async () => (await hours()) === 7, { what: 'the good edit', timeout: 10_000 })
    expect((await holdfast(fleet, 'policy', 'list')).out).toContain('from the watched file')
  })
})
