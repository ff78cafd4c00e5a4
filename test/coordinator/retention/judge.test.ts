import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { periodOf } from '../../../coordinator/retention/calendar.ts'
import {
  judgeRetention,
  keepCodes,
  keptUntil,
  type RetainedBackup,
  type RetentionCase,
  type RetentionRule,
  ruleText,
} from '../../../coordinator/retention/index.ts'
import type { BackupId } from '../../../shared/model/identifiers.ts'
import { formatDuration } from '../../../shared/time/index.ts'

const hour = 3_600_000
const day = 24 * hour
const noon = Date.UTC(2026, 2, 31, 12)

function backup(id: string, dataAsOf: number, over: Partial<RetainedBackup> = {}): RetainedBackup {
  return {
    ...{ id: id as BackupId, dataAsOf, destinations: ['main'] },
    ...{ trusted: true, inUse: false, leaving: false },
    ...over,
  }
}

function reasons(rule: RetentionRule, backups: readonly RetainedBackup[], over: Partial<RetentionCase> = {}) {
  const verdicts = judgeRetention({
    ...{ now: noon, clockDoubted: false, hasPolicy: true, rule, gone: false, breached: false, backups },
    ...over,
  })
  return Object.fromEntries(verdicts.map(each => [each.id, each.reasons.map(({ code }) => code)]))
}

const rule = (over: Partial<RetentionRule>): RetentionRule => ({
  ...{ keepLast: 1, periods: {}, zone: 'UTC' },
  ...over,
})

describe('what a rule keeps', () => {
  test('daily and monthly: the newest of each of so many days and months that have one', () => {
    const daily = [0, 1, 2, 3, 31, 32, 62].map(n => backup(`bak_${n}`, noon - n * day))
    expect(reasons(rule({ periods: { daily: 2, monthly: 2 } }), daily)).toEqual({
      bak_0: ['newest-good', 'keep-last', 'daily', 'monthly'],
      bak_1: ['daily'],
      bak_2: [],
      bak_3: [],
      // 28 February
      bak_31: ['monthly'],
      bak_32: [],
      bak_62: [],
    })
  })

  test('the newest that a restore has proven stays beside it, as long as proofs are asked for', () => {
    const backups = [0, 1, 2].map(n => backup(`bak_${n}`, noon - n * day, { proven: n > 0 }))
    expect(reasons(rule({}), backups, { verifies: true })).toEqual({
      bak_0: ['newest-good', 'keep-last'],
      bak_1: ['newest-proven'],
      bak_2: [],
    })
    expect(reasons(rule({}), backups)).toMatchObject({ bak_1: [], bak_2: [] })
  })

  test('keep_within counts from the newest good one: a stalled job lets nothing go', () => {
    const stalled = [90, 95, 99].map(n => backup(`bak_${n}`, noon - n * day))
    expect(reasons(rule({ keepWithin: 7 * day }), stalled)).toEqual({
      bak_90: ['newest-good', 'keep-last', 'keep-within'],
      bak_95: ['keep-within'],
      bak_99: [],
    })
  })

  test('a destination that fell behind keeps the last one it has', () => {
    const both = { destinations: ['main', 'far'] }
    const found = reasons(rule({}), [
      backup('bak_0', noon),
      backup('bak_1', noon - day),
      backup('bak_2', noon - 2 * day, both),
      backup('bak_3', noon - 3 * day, both),
    ])
    expect(found).toMatchObject({ bak_1: [], bak_2: ['last-in-destination'], bak_3: [] })
  })

  test('one whose deletion is under way counts for nothing', () => {
    const found = reasons(rule({}), [backup('bak_0', noon, { leaving: true }), backup('bak_1', noon - day)])
    expect(found).toEqual({ bak_1: ['newest-good', 'keep-last'] })
  })

  test('a doubtful newest one stands in for none', () => {
    const found = reasons(rule({}), [backup('bak_0', noon, { trusted: false }), backup('bak_1', noon - day)])
    expect(found).toEqual({ bak_0: ['doubtful'], bak_1: ['newest-good', 'keep-last'] })
  })
})

describe('when a backup that stays will go', () => {
  test('is known where time alone keeps it', () => {
    expect(
      keptUntil([
        { code: 'keep-within', until: 5 },
        { code: 'held', until: 9 },
      ]),
    ).toBe(9)
    expect(keptUntil([{ code: 'keep-within', until: 5 }, { code: 'daily' }])).toBeUndefined()
    expect(keptUntil([])).toBeUndefined()
  })
})

describe('periods', () => {
  test('days are those of the zone, hours those of UTC: the hour that clocks show twice is two', () => {
    const twice = Date.UTC(2026, 9, 25, 0, 30)
    expect(periodOf('hourly', 'Europe/Berlin', twice + hour)).toBe(
      periodOf('hourly', 'Europe/Berlin', twice) + 1,
    )
    const late = Date.UTC(2026, 5, 1, 22, 30)
    expect(periodOf('daily', 'Europe/Berlin', late)).toBe(periodOf('daily', 'UTC', late) + 1)
  })

  test('weeks begin on Monday, months and years follow one another', () => {
    const sunday = Date.UTC(2026, 0, 4, 23, 59)
    expect(periodOf('weekly', 'UTC', sunday + hour)).toBe(periodOf('weekly', 'UTC', sunday) + 1)
    const silvester = Date.UTC(2025, 11, 31, 23, 59)
    expect(periodOf('monthly', 'UTC', silvester + hour)).toBe(periodOf('monthly', 'UTC', silvester) + 1)
    expect(periodOf('yearly', 'UTC', silvester + hour)).toBe(2026)
    expect(periodOf('yearly', 'Europe/Berlin', silvester)).toBe(2026)
  })
})

test('every reason to stay is explained on the page of retention', () => {
  const page = readFileSync(new URL('../../../docs/reference/retention.md', import.meta.url), 'utf8')
  expect(keepCodes.filter(code => !page.includes(`\`${code}\``))).toEqual([])
})

test('a rule reads as it is written', () => {
  const text = ruleText(
    rule({ keepLast: 3, keepWithin: 7 * day, periods: { weekly: 4 }, zone: 'Europe/Berlin' }),
    formatDuration,
  )
  expect(text).toBe('keep_last 3, keep_within 7d, weekly 4, Europe/Berlin')
})
