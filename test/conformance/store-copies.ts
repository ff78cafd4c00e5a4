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

    test('what lies in a destination is counted by day: once for each copy, and no more when it is gone', async () => {
      await using under = await make()
      const store = await under.open()
      const day = 86_400_000
      const made = [0, 0, 1].map((n, i) =>
        backup({
          committedAt: (20_000 + n) * day + i,
          storedBytes: 100 * (i + 1),
          copies: [present('main'), missing('far')],
        }),
      )
      await store.write('x', async tx => {
        for (const each of made) await tx.backups.insert(each)
      })
      const [first, second, third] = made
      if (first === undefined || second === undefined || third === undefined)
        throw new Error('three were meant')
      await store.write('x', async tx => {
        // read back again, it is no further copy
        await tx.backups.putCopy(first.id, present('main', { verifiedAt: 5 }))
        await tx.backups.putCopy(third.id, present('far'))
        await tx.backups.putCopy(second.id, missing('main'))
      })
      const days = await store.read.destinationDays()
      expect([...days.keys()]).toEqual(['far', 'main'])
      expect(days.get('far')).toEqual([{ day: 20_001, bytes: 300, copies: 1 }])
      const main = days.get('main') ?? []
      expect(main.slice(0, 2)).toEqual([
        { day: 20_000, bytes: 300, copies: 2 },
        { day: 20_001, bytes: 300, copies: 1 },
      ])
      // it went today, whenever that is
      expect(main.slice(2)).toEqual([{ day: expect.any(Number), bytes: -200, copies: -1 }])
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
