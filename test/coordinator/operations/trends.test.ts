import { describe, expect, test } from 'vitest'
import type { Sample } from '../../../coordinator/trends/index.ts'
import { waitUntil } from '../../harness/index.ts'
import { withDatabase } from '../running.ts'

const minute = 60_000
const day = 24 * 60 * minute

/** Backups of the last twenty days, each `perDay` longer than the one before; the last one took `last`. */
function past(last: number, perDay: number): readonly Sample[] {
  const now = Date.now()
  return Array.from({ length: 20 }, (_, i) => ({
    at: now - (20 - i) * day,
    rawBytes: 80 + i,
    storedBytes: 20 + i,
    durationMs: last - (19 - i) * perDay,
  }))
}

describe('the history of a database', () => {
  test('is kept by the writer with each backup, and what it says beside the promise', async () => {
    await using world = await withDatabase()
    const { agent, fleet, database } = world
    const startedAt = Date.now() - 90 * minute
    await agent.succeed({ startedAt })
    const history = await fleet.store.read.databaseHistory(database.id)
    expect(history?.samples).toMatchObject([{ at: startedAt, rawBytes: 100, storedBytes: 40 }])
    const state = await fleet.store.read.databaseState(database.id)
    expect(state?.trend).toMatchObject({ samples: 1, usualRawBytes: 100, from: startedAt, to: startedAt })
    expect(state?.trend?.durationGrowth).toBeUndefined()
    // the policy has no window: its RPO is what a backup may take
    expect(state).toMatchObject({ allowedMs: 120 * minute })
    expect(state?.outgrowsAt).toBeUndefined()
  })

  test('backups that soon take longer than they may are told before they do, once, and when it is over', async () => {
    await using world = await withDatabase({
      policies: [{ name: 'all', every: '1s', rpo: '2h', destination: 'main' }],
    })
    const { agent, fleet, database } = world
    const remembered = (last: number, perDay: number) =>
      fleet.store.write('test', tx =>
        tx.databases.putHistory({ databaseId: database.id, samples: past(last, perDay) }),
      )
    const alerts = async () =>
      (await fleet.store.read.alerts({ size: 20 }, {})).items.filter(each => each.kind === 'outgrows-window')
    await remembered(90 * minute, minute)
    await agent.succeed({ startedAt: Date.now() - 91 * minute })
    const [told] = await alerts()
    expect(told).toMatchObject({
      dedupKey: `outgrows-window/${database.id}`,
      severity: 'warning',
      state: 'open',
      facts: { allowed: '2h', longer_per_week: '7m' },
    })
    const state = await fleet.store.read.databaseState(database.id)
    expect((state?.outgrowsAt ?? 0) - Date.now()).toBeGreaterThan(15 * day)
    expect((state?.outgrowsAt ?? 0) - Date.now()).toBeLessThan(28 * day)
    await agent.succeed({ startedAt: Date.now() - 91 * minute })
    expect(await alerts()).toHaveLength(1)
    await remembered(20 * minute, 0)
    await agent.succeed({ startedAt: Date.now() - 20 * minute })
    await waitUntil(async () => (await alerts())[0]?.state === 'resolved', { what: 'the end of the alert' })
  })
})
