import { describe, expect, test } from 'vitest'
import { grantWish, type Policy, withImportance } from '../../../coordinator/policy/index.ts'
import { policyNamed } from './policy-maker.ts'

const hour = 3_600_000
const base: Policy = {
  ...policyNamed('base', {}),
  rpo: 24 * hour,
  schedule: { kind: 'interval', every: 12 * hour },
  destination: 'a',
  copies: { destinations: ['b'], when: 'at-once', min: 2, patience: 1 },
  encryption: { required: true, recipients: ['age1x'], breakGlass: [] },
  importance: 5,
}

describe('a policy that service meta names', () => {
  test('is in effect where the rules choose none, or promises no less', () => {
    expect(grantWish(undefined, base, 'base').policy).toBe(base)
    const gold = { ...base, name: 'gold', rpo: hour, importance: 9 }
    expect(grantWish(base, gold, 'gold')).toEqual({ policy: gold })
    expect(grantWish(base, { ...base, name: 'same' }, 'same').refused).toBeUndefined()
  })

  test.each<[string, Partial<Policy>, string]>([
    ['a longer RPO', { rpo: 25 * hour }, 'a longer RPO'],
    ['rarer backups', { schedule: { kind: 'interval', every: 13 * hour } }, 'rarer backups'],
    ['another destination', { destination: 'c' }, 'nothing in a'],
    ['one destination fewer', { copies: { ...base.copies, destinations: ['c'] } as never }, 'nothing in b'],
    ['fewer copies', { copies: { ...base.copies, min: 1 } as never }, 'fewer copies'],
    ['no encryption', { encryption: undefined as never }, 'no encryption'],
    [
      'encryption that is not required',
      { encryption: { ...base.encryption, required: false } as never },
      'plaintext',
    ],
    ['waiting for a replica', { replica: 'require' }, 'no backup without a replica'],
    ['less importance', { importance: 4 }, 'less importance'],
    ['password verifiers', { globalsPasswords: true }, 'passwords'],
    [
      'an end of what is kept for ever',
      { retention: { keepLast: 900, periods: {}, zone: 'UTC' } },
      'shorter retention (not for ever any more)',
    ],
  ])('with %s is not: the rules hold, and why is said', (_, over, why) => {
    const verdict = grantWish(base, { ...base, name: 'cheap', rpo: hour, ...over }, 'cheap')
    expect(verdict.policy).toBe(base)
    expect(verdict.refused).toContain(`policy cheap would weaken base: `)
    expect(verdict.refused).toContain(why)
  })

  test('that does not exist changes nothing, and is said', () => {
    expect(grantWish(base, undefined, 'gold')).toEqual({ policy: base, refused: 'there is no policy gold' })
  })

  test('importance is only ever raised, by one object for all that ask for the same', () => {
    expect(withImportance(base, 4)).toBe(base)
    expect(withImportance(base, undefined)).toBe(base)
    expect(withImportance(base, 6)).toMatchObject({ importance: 6, name: 'base' })
    expect(withImportance(base, 6)).toBe(withImportance(base, 6))
  })
})
