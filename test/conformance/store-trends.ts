import { describe, expect, test } from 'vitest'
import { trendOrders } from '../../coordinator/store/records.ts'
import { trendOf } from '../../coordinator/trends/index.ts'
import { database, state } from './store-records.ts'
import type { MakeStore } from './store-under-test.ts'

const day = 86_400_000
const start = 1_800_000_000_000

/** A database of a size and a duration that grow by so much a day for three weeks. */
function grown(
  name: string,
  bytes: number,
  bytesPerDay: number,
  durationPerDay: number,
  outgrowsAt?: number,
) {
  const record = database({ name })
  const samples = Array.from({ length: 21 }, (_, i) => ({
    at: start + i * day,
    rawBytes: bytes + i * bytesPerDay,
    storedBytes: 1_000_000 - bytes,
    durationMs: 60_000 + i * durationPerDay,
  }))
  const last = samples.at(-1)
  const trend = trendOf(samples)
  if (last === undefined || trend === undefined) throw new Error('no trend')
  return {
    record,
    history: { databaseId: record.id, samples },
    state: state({
      databaseId: record.id,
      trend,
      lastRawBytes: last.rawBytes,
      lastStoredBytes: last.storedBytes,
      lastDurationMs: last.durationMs,
      ...(outgrowsAt === undefined ? {} : { outgrowsAt }),
    }),
  }
}

export function storeTrendsSuite(make: MakeStore): void {
  describe('trends', () => {
    test('come in every order, page after page, without what is gone or has no history', async () => {
      await using under = await make()
      const store = await under.open()
      const all = [
        grown('a', 500, 10, 3_000, 900),
        grown('b', 90, 30, 1_000, 100),
        grown('c', 300, -20, 2_000),
        { ...grown('gone', 400, 40, 4_000, 1), gone: true },
      ]
      const young = database({ name: 'young' })
      await store.write('x', async tx => {
        for (const each of all) {
          await tx.databases.put('gone' in each ? { ...each.record, goneSince: 5 } : each.record)
          await tx.databases.putHistory(each.history)
          await tx.databases.putState(each.state)
        }
        await tx.databases.put(young)
        await tx.databases.putState(state({ databaseId: young.id }))
        expect(await tx.databases.history(young.id)).toBeUndefined()
      })
      const seen: Record<string, string> = {}
      for (const order of trendOrders) {
        const names: string[] = []
        let after: string | undefined
        do {
          const page = await store.read.trends({ size: 1, ...(after === undefined ? {} : { after }) }, order)
          names.push(...page.items.map(each => each.database.name))
          after = page.next
        } while (after !== undefined)
        seen[order] = names.join('')
      }
      expect(seen).toEqual({
        size: 'abc',
        stored: 'bca',
        growth: 'bac',
        duration: 'acb',
        'duration-growth': 'acb',
        outgrows: 'ba',
      })
      const first = (await store.read.trends({ size: 1 }, 'size')).items[0]
      expect(first).toEqual({ database: all[0]?.record, state: all[0]?.state, history: all[0]?.history })
      expect(await store.read.databaseHistory(young.id)).toBeUndefined()
      const token = (await store.read.trends({ size: 1 }, 'size')).next ?? ''
      await expect(store.read.trends({ size: 1, after: token }, 'stored')).rejects.toMatchObject({
        code: 'page-token.invalid',
      })
    })
  })
}
