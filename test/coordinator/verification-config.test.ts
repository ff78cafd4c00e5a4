import { expect, test } from 'vitest'
import { readPolicies } from '../../coordinator/policy-text.ts'

const hour = 3_600_000
const place = { engine: 'postgres', service: 'orders-db', datacenter: 'dc1' }
const subject = { ...place, scope: 'database', name: 'orders' } as const

function verificationIn(fleet: string, more = '') {
  const text = `fleet: { destination: main${fleet} }\n${more}`
  return readPolicies(text, 'x', ['main']).book.of(subject).policy?.verification
}

test('what a policy asks for, with what it leaves out; nothing asked for is none', () => {
  const all = { every: 168 * hour, timeout: 6 * hour, census: 'rows' }
  expect(verificationIn(', verification: { every: 7d }')).toEqual(all)
  expect(verificationIn(', verification: { every: 4h }')).toMatchObject({ timeout: 2 * hour })
  expect(verificationIn(', verification: { every: 7d, census: none }')).toMatchObject({ census: 'none' })
  expect(verificationIn('')).toBeUndefined()
  expect(verificationIn(', verification: none')).toBeUndefined()
})

test('a stronger rule says it as a whole, or takes it away', () => {
  const rule = (asked: string) =>
    `rules: [{ name: r, match: { services: [orders-db] }, verification: ${asked} }]`
  const weekly = ', verification: { every: 7d, timeout: 12h, census: none }'
  expect(verificationIn(weekly, rule('{ every: 1d }'))).toEqual({
    ...{ every: 24 * hour, timeout: 6 * hour, census: 'rows' },
  })
  expect(verificationIn(weekly, rule('none'))).toBeUndefined()
  expect(verificationIn(', verification: none', rule('{ every: 1d }'))).toMatchObject({ every: 24 * hour })
})

test.each([
  ['{ every: 30m }', /at least 1h/],
  ['{ every: 367d }', /at most 366d|at most 8784h/],
  [
    '{ every: 1d, timeout: 24h }',
    /timeout.*must be shorter than `every`, 1d|must be shorter than `every`, 24h/,
  ],
  ['{ timeout: 1h }', /every/],
  ['{ every: 7d, census: sums }', /census/],
  ['{ every: 7d, often: true }', /often/],
  ['7d', /expected none or a section/],
])('%s is refused, and says why', (asked, why) => {
  expect(() => verificationIn(`, verification: ${asked}`)).toThrow(why)
})
