import { describe, expect, test } from 'vitest'
import type { BackupRecord, DeletedBackupRecord } from '../../coordinator/store/records.ts'
import { newId } from '../../shared/clock/index.ts'
import { backup } from './store-records.ts'
import type { MakeStore } from './store-under-test.ts'

const deletion = { since: 50, by: 'retention', reason: '', rule: 'keep_last 1', jobs: {} }

function tombstone(
  { manifest: _, copies: __, ...rest }: BackupRecord,
  over: Partial<DeletedBackupRecord> = {},
): DeletedBackupRecord {
  return { ...rest, deletedAt: 100, deletion, leftBehind: [], ...over }
}

export function storeLeavingSuite(make: MakeStore): void {
  describe('backups that leave', () => {
    test('hold, expiry and deletion are kept, and listed by how long they leave', async () => {
      await using under = await make()
      const store = await under.open()
      const [held, late, early, going] = [backup(), backup(), backup(), backup()]
      const hold = { by: 'ann', at: 5, reason: 'audit', until: 9 }
      await store.write('x', async tx => {
        for (const each of [held, late, early, going]) await tx.backups.insert(each)
        await tx.backups.keep({ ...held, hold })
        await tx.backups.keep({ ...late, expiry: { since: 20, rule: 'r' } })
        await tx.backups.keep({ ...early, expiry: { since: 10, rule: 'r' } })
        await tx.backups.keep({ ...going, expiry: { since: 1, rule: 'r' }, deletion })
      })
      expect((await store.read.backup(held.id))?.hold).toEqual(hold)
      // manifest and copies are as they were
      expect(await store.read.backup(held.id)).toEqual({ ...held, hold })
      const ids = async (how: 'expired' | 'deleting', size = 10) =>
        (await store.read.leavingBackups({ size }, how)).items.map(each => each.id)
      expect(await ids('expired')).toEqual([early.id, late.id])
      expect(await ids('expired', 1)).toEqual([early.id])
      expect(await ids('deleting')).toEqual([going.id])
      expect([...(await store.read.leavingCounts())].sort()).toEqual([
        ['deleting', 1],
        ['expired', 2],
      ])
      const { expiry: _, ...stays } = { ...early, expiry: { since: 10, rule: 'r' } }
      await store.write('x', tx => tx.backups.keep(stays))
      expect(await ids('expired')).toEqual([late.id])
    })

    test('one that is gone is told of by its tombstone alone, and counts no more', async () => {
      await using under = await make()
      const store = await under.open()
      const databaseId = newId('database')
      const [one, other] = [backup({ databaseIds: [databaseId] }), backup({ databaseIds: [databaseId] })]
      await store.write('x', async tx => {
        for (const each of [one, other]) await tx.backups.insert(each)
      })
      const before = await store.read.aggregates(1)
      await store.write('x', tx => tx.backups.bury(tombstone(one)))
      expect(await store.read.backup(one.id)).toBeUndefined()
      const listed = await store.read.backups({ size: 10 }, { databaseId })
      expect(listed.items.map(each => each.id)).toEqual([other.id])
      const after = await store.read.aggregates(1)
      expect(before.backups - after.backups).toBe(1)
      expect(before.storedBytes - after.storedBytes).toBe(one.storedBytes)
      expect(await store.read.deletedBackup(one.id)).toEqual(tombstone(one))
      const found = await store.write('x', tx => tx.backups.buriedByAttempt(one.attemptId))
      expect(found?.id).toBe(one.id)
      await store.write('x', tx => tx.backups.bury(tombstone(other, { deletedAt: 200 })))
      for (const filter of [{}, { databaseId }])
        expect((await store.read.deletedBackups({ size: 10 }, filter)).items.map(each => each.id)).toEqual([
          other.id,
          one.id,
        ])
    })

    test('the newest of a database are read inside a step, with their copies', async () => {
      await using under = await make()
      const store = await under.open()
      const databaseId = newId('database')
      const list = [1, 3, 2].map(committedAt => backup({ databaseIds: [databaseId], committedAt }))
      const found = await store.write('x', async tx => {
        for (const each of [...list, backup()]) await tx.backups.insert(each)
        await tx.backups.removeCopy(list[1]?.id ?? newId('backup'), 'main')
        return tx.backups.newestOf(databaseId, 2)
      })
      expect(found.map(each => each.committedAt)).toEqual([3, 2])
      expect(found[0]?.copies.some(each => each.destination === 'main')).toBe(false)
    })

    test('the last release of the brake holds', async () => {
      await using under = await make()
      const store = await under.open()
      expect(await store.read.lastBrakeRelease()).toBeUndefined()
      for (const at of [1, 2])
        await store.write('x', tx => tx.brakeReleases.append({ at, by: 'ann', reason: 'meant' }))
      expect(await store.read.lastBrakeRelease()).toEqual({ at: 2, by: 'ann', reason: 'meant' })
    })
  })
}
