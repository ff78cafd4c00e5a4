import { describe, expect, test } from 'vitest'
import { readPolicies } from '../../coordinator/policy-text.ts'
import { retentionOf } from '../../coordinator/retention-config.ts'

const read = (text: string) => readPolicies(text, 'test', ['main'])
const orders = {
  ...{ engine: 'postgres', service: 'orders-db', datacenter: 'dc1', cluster: 'orders-db' },
  ...{ scope: 'database' as const, name: 'orders' },
}

describe('what a policy keeps', () => {
  test.each([
    ['nothing at all', '{ keep_last: 0 }', 'keep_last'],
    ['less than an hour', '{ keep_within: 10m }', 'keep_within'],
    ['not said', '{}', 'must say what is kept'],
    ['only a zone', '{ zone: Europe/Berlin }', 'must say what is kept'],
    ['days of no zone', '{ daily: 7, zone: Mars/Olympus }', 'is no IANA zone'],
    ['a zone of no days', '{ keep_last: 7, zone: Europe/Berlin }', 'without days'],
    ['for ever, and not', '{ forever: true, daily: 7 }', 'must stand alone'],
    ['a word that is none', '{ fortnightly: 7 }', 'fortnightly'],
    ['a bare time', '7d', 'retention'],
  ])('%s is refused', (_what, retention, text) => {
    expect(() => read(`fleet: { destination: main, retention: ${retention} }`)).toThrow(text)
  })

  test('is inherited as a whole: half of two rules keeps what neither meant', () => {
    const { book } = read(`
fleet: { destination: main, retention: { keep_within: 30d, monthly: 12, zone: Europe/Berlin } }
rules:
  - { name: scratch, match: { databases: ["orders"] }, retention: { keep_last: 3 } }
`)
    const { policy, settings } = book.of(orders)
    expect(policy?.retention).toEqual({ keepLast: 3, periods: {}, zone: 'UTC' })
    expect(settings.find(each => each.key === 'retention.keep_last')?.rule?.name).toBe('scratch')
    expect(settings.some(each => each.key === 'retention.monthly')).toBe(false)
  })

  test('is everything, where a stronger rule says so, or none says anything', () => {
    const { book } = read(`
fleet: { destination: main, retention: { keep_last: 3 } }
databases: { orders-db/orders: { retention: { forever: true } } }
`)
    expect(book.of(orders).policy?.retention).toBeUndefined()
    expect(book.of({ ...orders, name: 'other' }).policy?.retention?.keepLast).toBe(3)
    expect(retentionOf(undefined)).toBeUndefined()
  })

  test('changes the version of a policy only where it is given', () => {
    const version = (more: string) =>
      read(`fleet: { destination: main${more} }`).book.of(orders).policy?.version
    expect(version(', retention: { forever: true }')).toBe(version(''))
    expect(version(', retention: { daily: 7 }')).not.toBe(version(''))
  })
})
