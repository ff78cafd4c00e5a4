import { describe, expect, it, test } from 'vitest'
import {
  type EffectivePolicy,
  PolicyBook,
  type PolicyRule,
  type PolicySelector,
  type PolicySubject,
  type SettingValues,
} from '../../../coordinator/policy/index.ts'
import { policyNamed } from './policy-maker.ts'

const shop: PolicySubject = {
  engine: 'postgres',
  service: 'orders-db',
  datacenter: 'fra',
  tags: ['prod', 'primary'],
  cluster: 'orders-db@host7',
  scope: 'database',
  name: 'shop',
  id: 'dbs_1',
}
const globals: PolicySubject = { ...shop, scope: 'cluster', name: '', id: 'dbs_0' }

const fleet = (settings: SettingValues): PolicyRule => rule('fleet', {}, settings, { layer: 'fleet' })
const database = (name: string, settings: SettingValues) => rule(name, {}, settings, { layer: 'database' })
const rule = (
  name: string,
  selector: PolicySelector,
  settings: SettingValues,
  over: Partial<PolicyRule> = {},
): PolicyRule => ({ layer: 'rule', name, selector, rank: 0, settings, ...over })

/** A book whose policies say nothing but their name: what they are made of is in `settings`. */
const book = (kind: 'layered' | 'first-match', rules: readonly PolicyRule[]) =>
  new PolicyBook(kind, rules, (name, selector, settings) => ({
    policy: policyNamed(name, { selector, rpo: Number(settings['rpo'] ?? 26) }),
    settings: { rpo: 26, ...settings },
  }))
describe('a rule asked for by its name', () => {
  const cheap = rule('cheap', { services: ['other'] }, { rpo: 40, destination: 'a' })
  const base = rule('base', {}, { rpo: 20, destination: 'a' })

  it('is the policy, though its selector does not match; an unknown one is none', () => {
    const first = book('first-match', [base, cheap])
    expect(first.named('cheap', shop)?.policy).toMatchObject({ name: 'cheap', rpo: 40 })
    expect(first.named('nowhere', shop)).toBeUndefined()
  })

  it('is laid over those that match, where rules are layered', () => {
    const gold = rule('gold', { services: ['other'] }, { rpo: 2 }, { rank: 9 })
    const layered = book('layered', [fleet({ rpo: 30, destination: 'a' }), base, gold])
    expect(layered.of(shop).policy?.rpo).toBe(20)
    expect(layered.named('gold', shop)?.policy?.rpo).toBe(2)
    expect(layered.named('fleet', shop)).toBeUndefined()
  })
})

const told = ({ settings }: EffectivePolicy) =>
  Object.fromEntries(
    settings.map(({ key, value, rule: by }) => [key, `${value} by ${by?.name ?? 'default'}`]),
  )

describe('the first that matches', () => {
  const of = (selectors: Record<string, PolicySelector>, subject = shop) =>
    book(
      'first-match',
      Object.entries(selectors).map(([name, selector]) => rule(name, selector, { destination: 'main' })),
    ).of(subject).policy

  it('is none where none matches', () => {
    expect(of({})).toBeUndefined()
    expect(
      of({
        a: { engines: ['mysql'] },
        b: { services: ['billing-db'] },
        c: { datacenters: ['ams'] },
        d: { databases: ['billing*'] },
        e: { exclude: ['sh*'] },
        f: { tags: ['staging'] },
        g: { clusters: ['billing*'] },
      }),
    ).toBeUndefined()
  })

  it('is the first, not the most exact, whole and with its selector', () => {
    expect(of({ all: {}, exact: { databases: ['shop'] } })).toMatchObject({ name: 'all', selector: {} })
    expect(of({ exact: { databases: ['shop'] }, all: {} })?.selector).toEqual({ databases: ['shop'] })
  })

  it('demands every field of a selector', () => {
    const selector = { engines: ['postgres'], services: ['orders-db'], databases: ['shop'] }
    expect(of({ p: selector })?.name).toBe('p')
    expect(of({ p: { ...selector, services: [] } })).toBeUndefined()
  })

  it('speaks for globals only with * or without a list of databases', () => {
    expect(of({ p: { databases: ['shop'] } }, globals)).toBeUndefined()
    expect(of({ p: { databases: ['s*'] } }, globals)).toBeUndefined()
    expect(of({ p: { databases: ['*'] } }, globals)?.name).toBe('p')
    expect(of({ p: { exclude: ['tmp*'] } }, globals)?.name).toBe('p')
  })
})

describe('inheritance', () => {
  test('fleet, then selectors by how exact they are, then the database; each value says who gave it', () => {
    const effective = book('layered', [
      database('orders-db/shop', { streams: 4 }),
      rule('name', { databases: ['sh*'] }, { rpo: 1, importance: 1 }),
      rule('tag', { tags: ['prod'] }, { rpo: 2, importance: 2, max_rate: 2 }),
      rule('site', { datacenters: ['fra'] }, { rpo: 3, max_rate: 3, strategy: 'auto' }),
      rule('elsewhere', { datacenters: ['ams'] }, { rpo: 99 }),
      fleet({ destination: 'main', rpo: 4, strategy: 'streaming', must_finish: true }),
    ]).of(shop)
    expect(told(effective)).toEqual({
      rpo: '1 by name',
      importance: '1 by name',
      max_rate: '2 by tag',
      strategy: 'auto by site',
      must_finish: 'true by fleet',
      destination: 'main by fleet',
      streams: '4 by orders-db/shop',
    })
    expect(effective.rules.map(each => each.name)).toEqual(['fleet', 'site', 'tag', 'name', 'orders-db/shop'])
    // counted under the strongest rule: a database of its own would be a series of its own
    expect(effective.policy?.name).toBe('name')
    expect(effective.disagreements).toEqual([])
  })

  test('each thing a selector can ask is more exact than the one before', () => {
    const order: PolicySelector[] = [
      {},
      { engines: ['postgres'] },
      { datacenters: ['fra'] },
      { services: ['orders-db'] },
      { tags: ['primary'] },
      { clusters: ['orders-db@*'] },
      { databases: ['shop'] },
    ]
    for (const [n, stronger] of order.entries())
      for (const weaker of order.slice(0, n)) {
        const rules = [rule('strong', stronger, { rpo: 1 }), rule('weak', weaker, { rpo: 2 })]
        for (const each of [rules, [...rules].reverse()])
          expect(told(book('layered', each).of(shop))['rpo']).toBe('1 by strong')
      }
  })

  test('a rank given by hand goes before how exact a selector is, never before a database', () => {
    const rules = [
      rule('exact', { databases: ['shop'] }, { rpo: 1, streams: 1 }),
      rule('broad', {}, { rpo: 2, streams: 2 }, { rank: 10 }),
      database('dbs_1', { streams: 3 }),
    ]
    expect(told(book('layered', rules).of(shop))).toMatchObject({
      rpo: '2 by broad',
      streams: '3 by dbs_1',
    })
  })

  test('what only means something together is inherited together', () => {
    const effective = book('layered', [
      fleet({
        cron: '0 1 * * *',
        zone: 'Europe/Berlin',
        destinations: ['a', 'b'],
        min_copies: 2,
        codec: 'xz',
        codec_level: 9,
      }),
      rule('r', {}, { every: 5, destination: 'c', codec: 'zstd' }),
    ]).of(shop)
    expect(told(effective)).toEqual({
      rpo: '26 by default',
      every: '5 by r',
      destination: 'c by r',
      codec: 'zstd by r',
    })
  })

  test('a section is inherited key by key: who adds recipients does not take the duty away', () => {
    const effective = book('layered', [
      fleet({ 'encryption.required': true, 'retry.attempts': 9 }),
      rule('r', {}, { 'encryption.recipients': ['age1x'], 'retry.max_delay': 5 }),
    ]).of(shop)
    expect(told(effective)).toMatchObject({
      'encryption.required': 'true by fleet',
      'encryption.recipients': 'age1x by r',
      'retry.attempts': '9 by fleet',
    })
  })

  test('equals that disagree: the one written first holds, and it is told; equals that agree are fine', () => {
    const rules = [
      rule('a', { tags: ['prod'] }, { rpo: 1, importance: 7 }),
      rule('b', { tags: ['primary'] }, { rpo: 2, importance: 7, streams: 2 }),
    ]
    const effective = book('layered', rules).of(shop)
    expect(told(effective)['rpo']).toBe('1 by a')
    expect(effective.disagreements).toEqual([{ settings: ['rpo'], holds: 'a', yields: 'b' }])
    expect(book('layered', rules).of({ ...shop, tags: ['prod'] }).disagreements).toEqual([])
  })

  test('nothing matches, or nothing says where backups go: no policy', () => {
    expect(book('layered', []).of(shop)).toEqual({ rules: [], settings: [], disagreements: [] })
    const lacking = book('layered', [rule('r', {}, { rpo: 1 })]).of(shop)
    expect(lacking.policy).toBeUndefined()
    expect(lacking.rules.map(each => each.name)).toEqual(['r'])
  })

  test.each(['dbs_1', 'orders-db@host7/shop', 'orders-db/shop'])('a database may be named %s', name => {
    const effective = book('layered', [fleet({ destination: 'main' }), database(name, { rpo: 1 })])
    expect(effective.of(shop).policy).toMatchObject({ name: 'fleet', rpo: 1 })
    expect(effective.of({ ...shop, name: 'shop2', id: 'dbs_2' }).policy?.rpo).toBe(26)
    expect(effective.of(globals).policy?.rpo).toBe(26)
  })

  test('globals are named (globals)', () => {
    const effective = book('layered', [
      fleet({ destination: 'main' }),
      database('orders-db/(globals)', { rpo: 1 }),
    ])
    expect(effective.of(globals).policy?.rpo).toBe(1)
    expect(effective.of(shop).policy?.rpo).toBe(26)
  })

  test('the same rules make the same object for every database', () => {
    const all = book('layered', [
      fleet({ destination: 'main' }),
      rule('r', { databases: ['s*'] }, { rpo: 1 }),
    ])
    expect(all.of({ ...shop, name: 'shop2' }).policy).toBe(all.of({ ...shop, datacenter: 'ams' }).policy)
    expect(all.of({ ...shop, name: 'other' }).policy).not.toBe(all.of(shop).policy)
  })

  test('the strictest promise is that of any rule', () => {
    expect(book('layered', []).strictestRpo).toBeUndefined()
    expect(
      book('layered', [fleet({ destination: 'main', rpo: 9 }), rule('r', {}, { rpo: 3 })]).strictestRpo,
    ).toBe(3)
  })
})
