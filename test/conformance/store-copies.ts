import { describe, expect, test } from 'vitest'
import type { MissingCopy, PresentCopy } from '../../coordinator/store/records.ts'
import { newId } from '../../shared/clock/index.ts'
import { backup } from './store-records.ts'
import type { MakeStore } from './store-under-test.ts'

const common = { url: 's3://bucket/prefix', manifestKey: 'v1/manifests/x.json' }
const present = (destination: string, more: Partial<PresentCopy> = {}): PresentCopy => ({
  ...common,
  destination,
  state: 'present',
  ...more,
})
const missing = (destination: string, more: Partial<MissingCopy> = {}): MissingCopy => ({
  ...common,
  destination,
  state: 'missing',
  since: 100,
  nextAt: 100,
  ...more,
})

export function storeCopiesSuite(make: MakeStore): void {
  describe('copies of backups', () => {
    test('those that are there, then those that are not, each as it was written down last', async () => {
      await using under = await make()
      const store = await under.open()
      const one = backup({ copies: [missing('far'), present('main', { verifiedAt: 7 })] })
      await store.write('x', tx => tx.backups.insert(one))
      expect((await store.read.backup(one.id))?.copies).toEqual([
        present('main', { verifiedAt: 7 }),
        missing('far'),
      ])
      const failure = { code: 'copy.lagging', message: 'm', hint: 'h', context: {} } as const
      const copying = missing('far', { state: 'copying', jobId: newId('job'), failure })
      await store.write('x', tx => tx.backups.putCopy(one.id, copying))
      const listed = await store.read.backups({ size: 10 }, {})
      expect(listed.items[0]?.copies).toEqual([present('main', { verifiedAt: 7 }), copying])
      await store.write('x', async tx => {
        await tx.backups.putCopy(one.id, present('far', { verifiedAt: 9 }))
        await tx.backups.putCopy(one.id, missing('main', { state: 'failed' }))
        expect((await tx.backups.get(one.id))?.copies).toEqual([
          present('far', { verifiedAt: 9 }),
          missing('main', { state: 'failed' }),
        ])
      })
    })

    test('the longest missing come first, with their backups and no more than asked', async () => {
      await using under = await make()
      const store = await under.open()
      const backups = [3, 1, 2].map(since =>
        backup({ subjectName: `of-${since}`, copies: [present('main'), missing('far', { since })] }),
      )
      await store.write('x', async tx => {
        for (const each of backups) await tx.backups.insert(each)
        await tx.backups.insert(backup())
      })
      const found = await store.read.missingCopies(2)
      expect(found.map(each => each.backup.subjectName)).toEqual(['of-1', 'of-2'])
      expect(found[0]?.copy).toEqual(missing('far', { since: 1 }))
      expect([...(await store.read.missingCounts())]).toEqual([['missing', 3]])

      const first = await store.read.copiesMissingSince({ size: 1 }, 2)
      expect(first.items).toEqual(found.slice(0, 1))
      const second = await store.read.copiesMissingSince({ size: 1, after: first.next ?? '' }, 2)
      expect(second.items).toEqual(found.slice(1))
      // what is missing for a shorter time is none of them
      expect(second.next).toBeUndefined()
    })
  })
}
