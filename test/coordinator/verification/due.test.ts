import { describe, expect, test } from 'vitest'
import type { VerificationState } from '../../../coordinator/store/records.ts'
import {
  compareDue,
  type VerificationDue,
  verificationDue,
  verificationGap,
} from '../../../coordinator/verification/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import type { BackupId } from '../../../shared/model/identifiers.ts'

const hour = 3_600_000
const day = 24 * hour
const id = (text: string) => text as BackupId
const asked = { databaseId: 'dbs_1', every: 7 * day, timeout: 6 * hour, wantedSince: 100 * day }
const due = (verification?: VerificationState, newest = 'bak_2') =>
  verificationDue({ ...asked, newest: id(newest), verification })
const judged = (verdict: 'verified' | 'differs', at: number, backup = 'bak_1') =>
  ({ at, verdict, backupId: id(backup) }) as const
const bad = { since: 0, count: 1, backupId: id('bak_2'), dataAsOf: 5, detail: 'differs: 1' }

describe('when a verification is due', () => {
  test('at once, since its policy asks for it, when none was ever made', () => {
    expect(due()).toMatchObject({ dueAt: 100 * day, overdueAt: 107 * day + 6 * hour, code: 'first' })
  })

  test('every so often after the last judgement, up to a tenth earlier and never later', () => {
    const { dueAt, overdueAt, code } = due({ last: judged('verified', 200 * day) })
    expect(code).toBe('interval')
    expect(dueAt).toBeGreaterThanOrEqual(206.3 * day)
    expect(dueAt).toBeLessThanOrEqual(207 * day)
    expect(overdueAt).toBe(207 * day + 6 * hour)
  })

  test('a fleet that was judged in one hour does not come due in one', () => {
    const at = (n: number) =>
      verificationDue({
        ...{ ...asked, databaseId: `dbs_${n}`, newest: id('bak_1') },
        verification: { last: judged('verified', 200 * day) },
      }).dueAt
    const hours = new Map<number, number>()
    for (let n = 0; n < 2_000; n++) {
      const slot = Math.floor(at(n) / hour)
      hours.set(slot, (hours.get(slot) ?? 0) + 1)
    }
    expect(hours.size).toBeGreaterThan(14)
    expect(Math.max(...hours.values())).toBeLessThan(200)
  })

  test('after a bad one at once, when it is another; never the same again before its time', () => {
    const last = judged('differs', 200 * day, 'bak_2')
    expect(due({ last, bad }, 'bak_1')).toMatchObject({ dueAt: 200 * day, code: 'after-failure' })
    expect(due({ last, bad }, 'bak_2').code).toBe('interval')
  })

  test('what could not be tried is held for as long as it has been failing: 15 min at least, 6 h at most', () => {
    const failure = new AppError('interrupted').toFailure()
    const held = (since: number, at: number) => due({ failing: { since, at, failure } }).dueAt - at
    expect(held(150 * day, 150 * day)).toBe(hour / 4)
    expect(held(150 * day, 150 * day + 2 * hour)).toBe(2 * hour)
    expect(held(150 * day, 160 * day)).toBe(6 * hour)
  })

  test('what may not be protected comes first, then what was never proven, then who waits longest', () => {
    const of = (code: VerificationDue['code'], dueAt: number, order = 0) => ({
      code,
      dueAt,
      order,
      overdueAt: 0,
    })
    const sorted = [
      of('interval', 2),
      of('first', 9, 2),
      of('interval', 1),
      of('first', 3, 5),
      of('after-failure', 9),
    ]
    expect(sorted.toSorted(compareDue).map(each => [each.code, each.dueAt])).toEqual([
      ['after-failure', 9],
      ['first', 9],
      ['first', 3],
      ['interval', 1],
      ['interval', 2],
    ])
  })
})

describe('the ledger', () => {
  const gap = (now: number, over: Partial<Parameters<typeof verificationGap>[0]> = {}) =>
    verificationGap({
      ...{ now, databaseId: 'dbs_1', policy: asked, newest: id('bak_2'), wantedSince: asked.wantedSince },
      ...over,
    })

  test('nothing while it is only due; overdue with the instant it was promised by', () => {
    expect(gap(107 * day)).toBeUndefined()
    expect(gap(108 * day)).toEqual({
      reason: 'verification-overdue',
      detail: 'never verified, promised by 1970-04-18T06:00:00.000Z',
    })
  })

  test('nobody can: at once, and says what is missing', () => {
    expect(gap(101 * day, { noVerifier: 'no agent has it' })).toMatchObject({
      reason: 'verification-overdue',
      detail: 'no-verifier: no agent has it; never verified',
    })
  })

  test('overdue because it fails: since when, and how the last time', () => {
    const failure = new AppError('verify.low-space').toFailure()
    const failing = { since: 101 * day, at: 107 * day, failure }
    expect(gap(110 * day, { verification: { failing } })?.detail).toContain('last verify.low-space')
  })

  test('a bad backup is told whatever the policy says now; without a backup there is nothing to verify', () => {
    expect(gap(101 * day, { policy: undefined, verification: { bad } })).toMatchObject({
      reason: 'verification-failed',
      detail: expect.stringContaining('bak_2 differs: 1'),
    })
    expect(gap(200 * day, { newest: undefined })).toBeUndefined()
    expect(gap(200 * day, { policy: undefined })).toBeUndefined()
  })
})
