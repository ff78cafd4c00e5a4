import { describe, expect, test } from 'vitest'
import { parseDailyWindow } from '../../../coordinator/planner/index.ts'
import { PolicyBook, type PolicyRule, type PolicySubject } from '../../../coordinator/policy/index.ts'
import { clockChanges } from '../../../coordinator/policy/lint/clock-changes.ts'
import { FleetLint, type LintedDatabase } from '../../../coordinator/policy/lint/index.ts'
import type { Policy } from '../../../coordinator/policy/policy.ts'
import { policyNamed } from './policy-maker.ts'

const hour = 3_600_000
const day = 24 * hour
const now = Date.UTC(2026, 10, 28, 12)

const subject: PolicySubject = {
  engine: 'postgres',
  service: 'orders-db',
  datacenter: 'fra',
  tags: ['prod', 'primary'],
  scope: 'database',
  name: 'shop',
}
const rule = (
  name: string,
  settings: PolicyRule['settings'],
  over: Partial<PolicyRule> = {},
): PolicyRule => ({
  ...{ layer: 'rule', name, selector: {}, rank: 0, settings: { destination: 'main', ...settings } },
  ...over,
})
const layered = (rules: readonly PolicyRule[], policy: Partial<Policy> = {}) =>
  new PolicyBook('layered', rules, (name, _, settings) => ({ policy: policyNamed(name, policy), settings }))

function found(
  book: PolicyBook,
  databases: readonly Partial<LintedDatabase & { subject: PolicySubject }>[] = [{}],
) {
  const lint = new FleetLint(book, now)
  for (const { subject: of = subject, ...each } of databases)
    lint.look({ name: 'orders-db/shop', clusterId: 'c', p50: 1, p90: 1, effective: book.of(of), ...each })
  return lint.findings().map(({ severity, code, where, text }) => `${severity} ${code} ${where}: ${text}`)
}

describe('a look at policies finds', () => {
  test('nothing where nothing is wrong', () => {
    expect(found(layered([rule('r', { cron: '30 1 * * *', zone: 'Europe/Berlin' })]))).toEqual([])
  })

  test('rules of equal rank that disagree about a database there is', () => {
    const rules = [
      rule('a', { rpo: 1 }, { selector: { tags: ['prod'] } }),
      rule('b', { rpo: 2 }, { selector: { tags: ['primary'] } }),
    ]
    expect(found(layered(rules), [{}, { name: 'orders-db/x' }])).toEqual([
      'error disagreement a and b: rules a and b are of equal rank and disagree on rpo: give one of them a `rank`, or match more exactly (2 databases, such as orders-db/shop)',
    ])
    expect(found(layered(rules), [{ subject: { ...subject, tags: ['prod'] } }])).toEqual([
      expect.stringContaining('warning matches-nothing b'),
    ])
  })

  test('a database that rules speak of and none says where its backups go', () => {
    const lacking: PolicyRule = { layer: 'rule', name: 'r', selector: {}, rank: 0, settings: { rpo: 1 } }
    expect(found(layered([lacking]))).toEqual([expect.stringMatching(/^error no-destination r: /)])
  })

  test('a promise shorter than the last backup took', () => {
    expect(
      found(layered([rule('r', {})], { rpo: hour }), [{ lastDuration: 2 * hour }, { lastDuration: 1 }]),
    ).toEqual([
      expect.stringMatching(
        /^error promise-too-short r: `rpo` 1h is shorter .* took, 2h.*\(orders-db\/shop\)$/,
      ),
    ])
  })

  test('what matches nothing; of no fleet nothing is said', () => {
    const rules = [
      rule('r', {}),
      rule('x', {}, { selector: { services: ['none'] } }),
      rule('orders-db/gone', {}, { layer: 'database' }),
    ]
    expect(found(layered(rules))).toEqual([
      'warning matches-nothing orders-db/gone: there is no database `orders-db/gone`',
      'warning matches-nothing x: matches no database that is known',
    ])
    expect(found(layered(rules), [])).toEqual([])
  })

  test('windows too short for a backup, and too full for all of a cluster', () => {
    const windows = [parseDailyWindow('22:00-02:00')].filter(each => each !== undefined)
    const book = layered([rule('r', {})], { windows, schedule: { kind: 'interval', every: day } })
    expect(found(book, [{ p50: 3 * hour, p90: 5 * hour }])).toEqual([
      expect.stringMatching(/^warning window-too-short r: .* open for 4h, .* take 5h/),
    ])
    const many = Array.from({ length: 3 }, () => ({ p50: 2 * hour, p90: 2 * hour }))
    expect(found(book, many)).toEqual([
      expect.stringMatching(/^warning windows-too-full r: .* take 6h of a day .* open for 4h/),
    ])
    expect(
      found(
        book,
        many.map((each, n) => ({ ...each, clusterId: String(n) })),
      ),
    ).toEqual([])
  })

  test('everything at midnight', () => {
    const schedule = { kind: 'cron', expression: '0 0 * * *', zone: 'UTC', every: day } as const
    const many = (count: number) => Array.from({ length: count }, () => ({}))
    expect(found(layered([rule('nightly', {})], { schedule }), many(30))).toEqual([
      expect.stringMatching(/^warning all-at-once nightly: 30 of 30 .* 2026-11-29T00:00:00/),
    ])
    expect(found(layered([rule('nightly', {})], { schedule }), many(10))).toEqual([])
  })
})

describe('changes of the clocks', () => {
  test('are found by zone: none, one hour, half an hour, southern summers', () => {
    expect(clockChanges('UTC', now)).toEqual([])
    const told = (zone: string) =>
      clockChanges(zone, now).map(
        each => `${each.kind} ${new Date(each.day * day).toISOString().slice(0, 10)} ${each.from}-${each.to}`,
      )
    expect(told('Europe/Berlin')).toEqual(['skips 2027-03-28 120-180', 'repeats 2027-10-31 120-180'])
    expect(told('Australia/Lord_Howe')).toEqual(['repeats 2027-04-04 90-120', 'skips 2027-10-03 120-150'])
  })

  test.each([
    ['30 2 * * *', 'Europe/Berlin', ['clock-repeats', 'clock-skips']],
    ['30 2 * * *', 'UTC', []],
    ['30 3 * * *', 'Europe/Berlin', []],
    ['30 2 * * 1', 'Europe/Berlin', []],
    ['30 * * * *', 'Europe/Berlin', []],
  ])('%s in %s', (cron, zone, codes) => {
    expect(found(layered([rule('r', { cron, zone })]), []).map(each => each.split(' ')[1])).toEqual(codes)
  })

  test('say what will happen', () => {
    expect(found(layered([rule('r', { cron: '30 2 * * *', zone: 'Europe/Berlin' })]), [])).toEqual([
      'warning clock-repeats r: `30 2 * * *` names 2027-10-31 02:30, which the clocks of Europe/Berlin show twice: it comes once, the first time',
      'warning clock-skips r: `30 2 * * *` names 2027-03-28 02:30, which the clocks of Europe/Berlin skip: it comes at 2027-03-28T01:00:00.000Z, when they go on',
    ])
  })

  test('a window that they swallow, or halve; an hour of a night is nothing', () => {
    const told = (window: string) => found(layered([rule('r', { windows: [window] })]), [])
    expect(told('02:00-03:00 Europe/Berlin')).toEqual([
      expect.stringContaining('is no time at all on 2027-03-28'),
    ])
    expect(told('01:30-03:30 Europe/Berlin')).toEqual([expect.stringContaining('shorter by 1h')])
    expect(told('22:00-06:00 Europe/Berlin')).toEqual([])
    expect(told('02:00-03:00')).toEqual([])
  })

  test('a black-out that they swallow, likewise: that day it keeps nothing away', () => {
    const told = (blackout: string) => found(layered([rule('r', { blackouts: [blackout] })]), [])
    expect(told('02:00-03:00 Europe/Berlin')).toEqual([
      expect.stringContaining('the black-out `02:00-03:00 Europe/Berlin` is no time at all on 2027-03-28'),
    ])
    expect(told('08:00-18:00 Europe/Berlin')).toEqual([])
  })
})
