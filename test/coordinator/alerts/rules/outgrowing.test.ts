import { describe, expect, test } from 'vitest'
import { decide } from '../../../../coordinator/alerts/rules/decide.ts'
import { outgrowing } from '../../../../coordinator/alerts/rules/outgrowing.ts'
import type { Trend } from '../../../../coordinator/trends/index.ts'

const day = 86_400_000
const now = 1_800_000_000_000
const horizon = { ahead: 28 * day }

const trend: Trend = {
  samples: 20,
  from: now - 20 * day,
  to: now,
  usualRawBytes: 1,
  usualStoredBytes: 1,
  usualDurationMs: 3_600_000,
  p90DurationMs: 5_400_000,
  durationGrowth: { perDay: 120_000, steady: true },
}
const state = (days: number) => ({ trend, allowedMs: 7_200_000, outgrowsAt: now + days * day })
const summary = (days: number) => {
  const soon = outgrowing(state(days), false, now, horizon)
  if (soon === undefined) throw new Error('not soon')
  return decide({ kind: 'outgrowing', databaseId: 'dbs_1', name: 'orders/shop', soon }).summary
}

describe('backups that outgrow the time they may take', () => {
  test('are told four weeks before, and over only when there are six', () => {
    expect(outgrowing(state(29), false, now, horizon)).toBeUndefined()
    expect(outgrowing(state(28), false, now, horizon)).toMatchObject({ ahead: 28 * day, allowed: 7_200_000 })
    expect(outgrowing(state(41), true, now, horizon)).toMatchObject({ ahead: 41 * day })
    expect(outgrowing(state(43), true, now, horizon)).toBeUndefined()
  })

  test('nothing is said without a forecast, a policy or a history', () => {
    for (const missing of [
      undefined,
      {},
      { trend },
      { trend, allowedMs: 1 },
      { allowedMs: 1, outgrowsAt: 1 },
    ])
      expect(outgrowing(missing, true, now, horizon)).toBeUndefined()
  })

  test('people are told in weeks, in days when it is near, and when it has come', () => {
    expect(summary(21)).toBe('backups of orders/shop outgrow the 2h they may take in 3 weeks')
    expect(summary(9.2)).toBe('backups of orders/shop outgrow the 2h they may take in 10 days')
    expect(summary(0.5)).toBe('backups of orders/shop outgrow the 2h they may take in a day')
    expect(summary(-3)).toBe('backups of orders/shop take longer than the 2h they may')
  })
})
