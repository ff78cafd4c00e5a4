import { expect, test } from 'vitest'
import { ledgerRules, ledgersDue } from '../../../coordinator/retention/ledgers.ts'

const day = 86_400_000

test('a result is remembered for longer than agents send it again, by a wide margin', () => {
  const results = ledgerRules.find(each => each.ledger === 'results')
  expect(results?.keep).toBeGreaterThanOrEqual(2 * 14 * day)
})

test('each ledger is named once, with a reason, and no history is among them', () => {
  expect(ledgerRules.map(each => each.ledger).sort()).toEqual(['decisions', 'outbox', 'requests', 'results'])
  for (const { why } of ledgerRules) expect(why).not.toBe('')
})

test('what is removed is what is older than its time, reckoned from now', () => {
  const now = 100 * day
  expect(ledgersDue(now)).toEqual([
    { ledger: 'requests', before: 93 * day },
    { ledger: 'results', before: 70 * day },
    { ledger: 'decisions', before: 70 * day },
    { ledger: 'outbox', before: 70 * day },
  ])
})
