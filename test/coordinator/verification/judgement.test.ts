import { describe, expect, test } from 'vitest'
import type { Verdict, VerificationState } from '../../../coordinator/store/records.ts'
import { fitOf, withJudgement, withoutBackup } from '../../../coordinator/verification/index.ts'
import type { BackupId } from '../../../shared/model/identifiers.ts'

/** Backup `n`, whose data was true at `n`, judged in the order given. */
function proofAfter(...judgements: readonly (readonly [number, Verdict])[]): VerificationState {
  let state: VerificationState | undefined
  judgements.forEach(([n, verdict], i) => {
    state = withJudgement(state, {
      ...{ at: 100 + i, verdict, backupId: `bak_${n}` as BackupId, dataAsOf: n, restoreMs: 7 },
      detail: verdict === 'differs' ? 'a table' : '',
    })
  })
  return state ?? {}
}

describe('the proof of a database', () => {
  test('a good one is remembered with how long the restore took', () => {
    expect(proofAfter([1, 'verified'])).toEqual({
      last: { at: 100, verdict: 'verified', backupId: 'bak_1' },
      good: { at: 100, verdict: 'verified', backupId: 'bak_1', dataAsOf: 1, restoreMs: 7 },
    })
  })

  test('a bad one stands until one as new is proven; an older one does not take it away', () => {
    const { bad, good } = proofAfter([1, 'verified'], [2, 'differs'], [1, 'verified'])
    expect(bad).toMatchObject({ backupId: 'bak_2', since: 101, count: 1, detail: 'differs: a table' })
    expect(good).toMatchObject({ backupId: 'bak_1', at: 102 })
    expect(proofAfter([2, 'differs'], [3, 'restored']).bad).toBeUndefined()
  })

  test('a later proof of the same backup clears it', () => {
    expect(proofAfter([2, 'differs'], [2, 'verified'])).not.toHaveProperty('bad')
  })

  test('what was proven and is found bad later is proven no more', () => {
    const state = proofAfter([2, 'verified'], [2, 'unrestorable'])
    expect(state.good).toBeUndefined()
    expect(state.bad).toMatchObject({ backupId: 'bak_2' })
  })

  test('several bad ones are counted once each, the newest is named', () => {
    const { bad } = proofAfter([3, 'differs'], [2, 'unrestorable'], [2, 'unrestorable'], [1, 'differs'])
    expect(bad).toMatchObject({ backupId: 'bak_3', since: 100 })
  })

  test('an old one that is bad says nothing where a newer one is proven', () => {
    expect(proofAfter([5, 'verified'], [2, 'differs']).bad).toBeUndefined()
  })

  test('a backup that goes takes what was said of it along', () => {
    const state = proofAfter([1, 'verified'], [2, 'differs'])
    expect(withoutBackup(state, 'bak_2' as BackupId)).not.toHaveProperty('bad')
    expect(withoutBackup(state, 'bak_1' as BackupId)).not.toHaveProperty('good')
    expect(withoutBackup(state, 'bak_9' as BackupId)).toBe(state)
  })
})

describe('a throw-away server', () => {
  test.each([
    ['postgres', ['14.9'], '15.8', undefined],
    ['postgres', ['15.7'], '15.8', 0],
    ['postgres', ['15.18', '17.2'], '15.8 (Debian 15.8-1)', 0],
    ['postgres', ['17.2'], '15.8', 1],
    ['mariadb', ['10.11.19'], '10.11.6-MariaDB-log', 0],
    ['mariadb', ['11.4.2'], '10.11.6-MariaDB', 1],
    ['mysql', ['8.4.3'], '8.0.46', 1],
    ['mysql', ['8.0.46'], '8.4.3', undefined],
    ['postgres', ['15.18'], '', 1],
  ] as const)('%s %j for %s', (engine, versions, wanted, fit) => {
    const servers = versions.map(version => ({ engine, version }))
    expect(fitOf(servers, engine, wanted)).toBe(fit)
    expect(fitOf(servers, engine === 'postgres' ? 'mysql' : 'postgres', wanted)).toBeUndefined()
  })
})
