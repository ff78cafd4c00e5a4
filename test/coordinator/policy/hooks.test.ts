import { describe, expect, test } from 'vitest'
import { decide } from '../../../coordinator/alerts/rules/decide.ts'
import { coordinatorConfigSchema, settingsOf } from '../../../coordinator/config.ts'
import { grantWish, type PolicySubject } from '../../../coordinator/policy/index.ts'
import { FleetLint } from '../../../coordinator/policy/lint/index.ts'
import { readPolicies } from '../../../coordinator/policy-text.ts'
import { policyNamed } from './policy-maker.ts'

const shop: PolicySubject = {
  engine: 'postgres',
  service: 'orders-db',
  datacenter: 'fra',
  tags: ['prod'],
  scope: 'database',
  name: 'shop',
}

const book = (text: string) => readPolicies(text, 'x', ['main']).book
const problems = (text: string): readonly string[] => {
  try {
    book(text)
    return []
  } catch (thrown) {
    return (thrown as { context: { problems: readonly string[] } }).context.problems
  }
}

describe('hooks of a policy', () => {
  test.each([
    ['a command', '/bin/rm -rf /'],
    ['a path', '/usr/local/bin/freeze'],
    ['a path that climbs', '../freeze'],
    ['a shell', '$(id)'],
    ['an option', '--version'],
    ['nothing', ''],
    ['capitals', 'Freeze'],
    ['a line more', 'freeze\\nid'],
  ])('are names: %s is refused', (_, name) => {
    expect(problems(`fleet: { destination: main, hooks: { before: ["${name}"] } }`)).toEqual([
      expect.stringContaining('fleet.hooks.before.0'),
    ])
  })

  test('that name one twice for a moment, too many, or another moment are refused', () => {
    expect(problems('fleet: { destination: main, hooks: { after: [a, b, a] } }').join()).toContain(
      'must not name a hook twice',
    )
    const many = Array.from({ length: 17 }, (_, i) => `h${i}`).join(', ')
    expect(problems(`fleet: { destination: main, hooks: { after: [${many}] } }`)).toHaveLength(1)
    expect(problems('fleet: { destination: main, hooks: { during: [a] } }').join()).toContain('unknown key')
  })

  test('are inherited moment by moment, whole lists; an empty one takes away', () => {
    const text = `
fleet: { destination: main, hooks: { before: [freeze], after: [thaw] } }
rules:
  - { name: prod, match: { tags: [prod] }, hooks: { after: [thaw, tell], on_failure: [page] } }
databases:
  orders-db/quiet: { hooks: { before: [], after: [], on_failure: [] } }
`
    const of = (name: string, tags: readonly string[] = []) => book(text).of({ ...shop, name, tags })
    expect(of('x').policy?.hooks).toEqual({ before: ['freeze'], after: ['thaw'], onFailure: [] })
    const prod = of('x', ['prod'])
    expect(prod.policy?.hooks).toEqual({ before: ['freeze'], after: ['thaw', 'tell'], onFailure: ['page'] })
    expect(Object.fromEntries(prod.settings.map(({ key, rule }) => [key, rule?.name]))).toMatchObject({
      'hooks.before': 'fleet',
      'hooks.after': 'prod',
      'hooks.on_failure': 'prod',
    })
    expect(of('quiet', ['prod']).policy?.hooks).toBeUndefined()
  })

  test('change the version of a promise; none at all leaves it as it was', () => {
    const version = (hooks: string) =>
      settingsOf(
        coordinatorConfigSchema.parse({
          destinations: { main: { url: 'file:///a' } },
          policies: [{ name: 'everything', destination: 'main', ...JSON.parse(hooks) }],
        }),
      ).policies[0]?.version
    expect(version('{}')).toBe('d1a38238afcbcfc4')
    expect(version('{"hooks":{}}')).toBe('d1a38238afcbcfc4')
    expect(version('{"hooks":{"before":["a"]}}')).not.toBe('d1a38238afcbcfc4')
  })

  test.each([
    ['fewer', undefined],
    ['more', { before: ['freeze', 'more'], after: [], onFailure: [] }],
  ])('cannot be changed by who may write service meta: %s is weaker', (_, hooks) => {
    const base = { ...policyNamed('base', {}), hooks: { before: ['freeze'], after: [], onFailure: [] } }
    const { hooks: __, ...rest } = base
    const other = { ...rest, ...(hooks === undefined ? {} : { hooks }) }
    expect(grantWish(base, other, 'other')).toMatchObject({
      policy: base,
      refused: expect.stringContaining('other hooks'),
    })
    expect(grantWish(base, { ...base, rpo: 1 }, 'other').refused).toBeUndefined()
  })

  test('that no agent of a database has are found; that one of several has, or of no known agent, are not', () => {
    const policies = book('fleet: { destination: main, hooks: { before: [freeze], after: [thaw] } }')
    const found = (hooksOfHosts?: readonly (readonly string[])[]) => {
      const lint = new FleetLint(policies, 0)
      lint.look({
        ...{ name: 'orders-db/shop', clusterId: 'c', p50: 1, p90: 1, effective: policies.of(shop) },
        ...(hooksOfHosts === undefined ? {} : { hooksOfHosts }),
      })
      return lint.findings().map(({ severity, code, where, text }) => `${severity} ${code} ${where}: ${text}`)
    }
    expect(found()).toEqual([])
    expect(found([])).toEqual([])
    expect(found([['freeze'], ['freeze', 'thaw']])).toEqual([])
    expect(found([['freeze'], ['freeze', 'other']])).toEqual([
      'error no-hook fleet, hook thaw: no agent that backs it up has the hook `thaw`: add it to `hooks` of their configuration first (orders-db/shop)',
    ])
  })
})

test('the alert of a hook says which, where and why, and ends with none', () => {
  const fact = {
    kind: 'hooks',
    databaseId: 'dbs_1',
    name: 'orders/shop',
    jobId: 'job_1',
    hostname: 'h7',
  } as const
  expect(
    decide({ ...fact, failed: [{ name: 'thaw', outcome: 'failed', detail: 'exited with status 3: a\nb' }] }),
  ).toMatchObject({
    kind: 'open',
    dedupKey: 'hook-failed/dbs_1',
    severity: 'warning',
    summary: 'hook thaw on h7 failed behind a backup of orders/shop: exited with status 3: a',
    facts: { hooks: 'thaw', hostname: 'h7', job_id: 'job_1' },
  })
  expect(decide({ ...fact, failed: [] })).toMatchObject({ kind: 'resolve', dedupKey: 'hook-failed/dbs_1' })
})
