import { describe, expect, test } from 'vitest'
import { coordinatorConfigSchema, settingsOf } from '../../coordinator/config.ts'
import type { PolicySubject } from '../../coordinator/policy/index.ts'

const hour = 3_600_000
const base = { destinations: { main: { url: 'file:///a' }, far: { url: 'file:///b' } } }
const shop: PolicySubject = {
  engine: 'postgres',
  service: 'orders-db',
  datacenter: 'fra',
  scope: 'database',
  name: 'shop',
}

const settings = (config: object) => {
  const { policies, configured } = settingsOf(coordinatorConfigSchema.parse({ ...base, ...config }))
  return { policies, book: configured.book }
}
const refused = (config: object) =>
  (coordinatorConfigSchema.safeParse({ ...base, ...config }).error?.issues ?? []).map(
    each => `${each.path.join('.')}: ${each.message}`,
  )

describe('a list of whole policies means what it meant', () => {
  test.each([
    { name: 'p', destination: 'main' },
    { name: 'p', destination: 'main', cron: '30 1 * * *', zone: 'Europe/Berlin', rpo: '2d' },
    { name: 'p', destinations: ['main', 'far'], min_copies: 2, match: { databases: ['s*'] } },
    {
      ...{ name: 'p', destination: 'main', compression: { codec: 'xz' }, retry: { attempts: 2 } },
      ...{ encryption: { required: true }, globals_passwords: true, windows: ['22:00-06:00'] },
    },
  ])('%j: the policy in effect is the one of the list, its version included', policy => {
    const { policies, book } = settings({ policies: [policy] })
    expect(book.of(shop).policy).toEqual(policies[0])
  })

  test('the version of a policy is what it was before policies could inherit', () => {
    const { book } = settings({ policies: [{ name: 'everything', destination: 'main' }] })
    expect(book.of(shop).policy?.version).toBe('d1a38238afcbcfc4')
  })

  test('who gave what is told of it, too: what is not the default', () => {
    const { book } = settings({ policies: [{ name: 'p', destination: 'main', rpo: '30h' }] })
    const by = Object.fromEntries(book.of(shop).settings.map(each => [each.key, each.rule?.name]))
    expect(by).toMatchObject({ rpo: 'p', destination: 'p', every: undefined, codec: undefined })
  })
})

describe('policies that inherit', () => {
  test('a database has what the fleet, rules and its own settings come to', () => {
    const { book, policies } = settings({
      policy: {
        fleet: { destination: 'main', rpo: '24h', retry: { attempts: 7 } },
        rules: [
          { name: 'production', match: { tags: ['prod'] }, rpo: '4h', importance: 9 },
          { name: 'shops', match: { databases: ['shop*'] }, cron: '0 */2 * * *' },
        ],
        databases: { 'orders-db/shop': { streams: 2 } },
      },
    })
    expect(policies).toEqual([])
    expect(book.of({ ...shop, tags: ['prod'] }).policy).toMatchObject({
      name: 'shops',
      selector: {},
      rpo: 4 * hour,
      importance: 9,
      streams: 2,
      destination: 'main',
      retry: { maxAttempts: 7, baseDelay: 30_000 },
      schedule: { kind: 'cron', every: 2 * hour },
    })
    expect(book.of({ ...shop, name: 'x' }).policy).toMatchObject({
      name: 'fleet',
      schedule: { kind: 'auto', every: 18 * hour },
    })
  })

  test('rules that are right one by one do not make together what none may say', () => {
    const { book } = settings({
      policy: {
        fleet: { destination: 'main', encryption: { required: true } },
        rules: [
          { name: 'with', match: { tags: ['a'] }, globals_passwords: true },
          { name: 'plain', match: { databases: ['*'] }, encryption: { required: false } },
        ],
      },
    })
    const policy = book.of({ ...shop, scope: 'cluster', name: '', tags: ['a'] }).policy
    expect(policy).toMatchObject({ globalsPasswords: false, encryption: { required: false } })
  })
})

describe('refused', () => {
  const rule = (keys: object, fleet: object = { destination: 'main' }) =>
    refused({ policy: { fleet, rules: [{ name: 'r', match: {}, ...keys }] } })

  test.each<[string, readonly string[], string]>([
    [
      'a list beside layers',
      refused({ policies: [{ name: 'p', destination: 'main' }], policy: { fleet: {} } }),
      'policy.fleet: must not be given beside `policies`',
    ],
    [
      'two rules of one name',
      refused({
        policy: {
          rules: [
            { name: 'a', match: {} },
            { name: 'a', match: {} },
          ],
        },
      }),
      'policy.rules.1.name: must be a name no other rule has',
    ],
    [
      'a rule that calls itself the fleet',
      rule({ name: 'fleet' }),
      'policy.rules.0.name: expected another name',
    ],
    [
      'a destination there is not',
      rule({ destination: 'nowhere' }),
      'policy.rules.0.destination: must be one of the destinations',
    ],
    [
      'a zone without cron',
      rule({ zone: 'Europe/Berlin' }),
      'policy.rules.0.zone: must not be given without `cron`',
    ],
    ['a cron that never fires', rule({ cron: '0 0 31 4 *' }), 'policy.rules.0.cron: never comes'],
    [
      'copies of nothing',
      rule({ min_copies: 2 }),
      'policy.rules.0.min_copies: must not be given without `destinations`',
    ],
    ['a level its codec has not', rule({ codec: 'gzip', codec_level: 12 }), 'policy.rules.0.codec_level'],
    [
      'an interval the fleet does not bear',
      rule({ every: '12h' }, { destination: 'main', rpo: '6h' }),
      'policy.rules.0.rpo: with what the fleet has: must be at least `every`',
    ],
    [
      'verifiers in plaintext',
      rule({ globals_passwords: true }),
      'policy.rules.0.globals_passwords: with what the fleet has',
    ],
    [
      'a database the same',
      refused({
        policy: { fleet: { destination: 'main', rpo: '6h' }, databases: { 'a/b': { every: '7h' } } },
      }),
      'policy.databases.a/b.rpo',
    ],
  ])('%s', (_, told, expected) => {
    expect(told).toEqual([expect.stringContaining(expected)])
  })
})
