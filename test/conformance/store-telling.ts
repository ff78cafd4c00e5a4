import { describe, expect, test } from 'vitest'
import { newId } from '../../shared/clock/index.ts'
import { alert, message } from './store-records.ts'
import type { MakeStore } from './store-under-test.ts'

export function storeTellingSuite(make: MakeStore): void {
  describe('alerts', () => {
    test('one is open per dedup key; a resolved one lets the next open', async () => {
      await using under = await make()
      const store = await under.open()
      const first = alert({ openedAt: 1 })
      await store.write('x', tx => tx.alerts.put(first))
      expect(await store.write('x', tx => tx.alerts.openByKey(first.dedupKey))).toEqual(first)
      await expect(store.write('x', tx => tx.alerts.put(alert()))).rejects.toMatchObject({ code: 'conflict' })
      const resolved = { ...first, state: 'resolved' as const, resolvedAt: 5 }
      await store.write('x', tx => tx.alerts.put(resolved))
      expect(await store.write('x', tx => tx.alerts.openByKey(first.dedupKey))).toBeUndefined()
      const second = alert({ openedAt: 9 })
      const other = alert({ openedAt: 7, dedupKey: 'agent/silent' })
      await store.write('x', async tx => {
        await tx.alerts.put(second)
        await tx.alerts.put(other)
      })
      expect((await store.read.alerts({ size: 10 }, {})).items).toEqual([second, other, resolved])
      expect((await store.read.alerts({ size: 10 }, { state: 'resolved' })).items).toEqual([resolved])
      expect(await store.read.openAlerts()).toEqual([other, second])
    })
  })

  describe('revisions of the policies', () => {
    test('are appended, each number once; the last is found, and each', async () => {
      await using under = await make()
      const store = await under.open()
      const text = 'policies: []'
      const first = { revision: 1, home: 'configuration', at: 5, by: 'me', reason: '', text } as const
      expect(await store.read.policyRevision()).toBeUndefined()
      await store.write('x', async tx => {
        expect(await tx.policyRevisions.latest()).toBeUndefined()
        await tx.policyRevisions.append(first)
        await tx.policyRevisions.append({ ...first, revision: 10, text: 'x'.repeat(300_000) })
        await tx.policyRevisions.append({ ...first, revision: 9 })
        expect((await tx.policyRevisions.latest())?.revision).toBe(10)
      })
      await expect(store.write('x', tx => tx.policyRevisions.append(first))).rejects.toMatchObject({
        code: 'conflict',
      })
      expect((await store.read.policyRevision())?.text).toHaveLength(300_000)
      expect(await store.read.policyRevision(1)).toEqual(first)
      expect(await store.read.policyRevision(2)).toBeUndefined()
    })
  })

  describe('pauses', () => {
    test('there is one of each subject; a removed one is gone', async () => {
      await using under = await make()
      const store = await under.open()
      const pause = {
        key: 'site:ams',
        scope: 'site',
        subject: 'ams',
        name: 'ams',
        reason: 'a',
        by: 'me',
        since: 1,
      } as const
      await store.write('x', async tx => {
        await tx.pauses.put(pause)
        await tx.pauses.put({ ...pause, key: 'fleet', scope: 'fleet', subject: '' })
        await tx.pauses.put({ ...pause, reason: 'b', until: 7 })
      })
      expect(await store.write('x', tx => tx.pauses.get('site:ams'))).toEqual({
        ...pause,
        reason: 'b',
        until: 7,
      })
      expect((await store.read.pauses()).map(each => each.key)).toEqual(['fleet', 'site:ams'])
      await store.write('x', tx => tx.pauses.remove('fleet'))
      expect((await store.read.pauses()).map(each => each.key)).toEqual(['site:ams'])
    })
  })

  describe('the outbox', () => {
    test('gives due messages in order, at most one per dedup key and channel: the oldest undelivered', async () => {
      await using under = await make()
      const store = await under.open()
      await store.write('x', async tx => {
        await tx.outbox.enqueue(message({ idempotencyKey: '1', dedupKey: 'a', nextAttemptAt: 10 }))
        await tx.outbox.enqueue(
          message({ idempotencyKey: '2', dedupKey: 'a', event: 'resolved', nextAttemptAt: 1 }),
        )
        await tx.outbox.enqueue(message({ idempotencyKey: '3', dedupKey: 'b', nextAttemptAt: 2 }))
        await tx.outbox.enqueue(
          message({ idempotencyKey: '4', dedupKey: 'a', channel: 'mail', nextAttemptAt: 3 }),
        )
        await tx.outbox.enqueue(message({ idempotencyKey: '5', dedupKey: 'b', nextAttemptAt: 1 }))
      })
      const due = async (now: number, limit = 10) =>
        (await store.read.outboxDue(now, limit)).map(each => each.idempotencyKey)
      // 2 is due but waits behind 1, which is not: a retried `opened` blocks its `resolved`
      expect(await due(9)).toEqual(['3', '4'])
      expect(await due(10)).toEqual(['1', '3', '4'])
      expect(await due(10, 1)).toEqual(['1'])
      const [first] = await store.read.outboxDue(10, 1)
      if (first === undefined) throw new Error('nothing due')
      await store.write('x', tx => tx.outbox.put({ ...first, state: 'delivered', attempts: 1 }))
      expect(await due(10)).toEqual(['2', '3', '4'])
    })

    test('counts what waits and what was given up; the dead block nobody', async () => {
      await using under = await make()
      const store = await under.open()
      const alertId = newId('alert')
      await store.write('x', async tx => {
        await tx.outbox.enqueue(message({ alertId, idempotencyKey: '1' }))
        await tx.outbox.enqueue(message({ alertId, idempotencyKey: '2', event: 'resolved' }))
      })
      const [opened, resolved] = await store.read.outboxOf(alertId)
      if (opened === undefined || resolved === undefined) throw new Error('not enqueued')
      expect(opened).toEqual({
        ...message({ alertId, idempotencyKey: '1' }),
        id: opened.id,
        attempts: 0,
        state: 'pending',
      })
      expect(await store.write('x', tx => tx.outbox.pendingOpened(alertId, 'webhook'))).toEqual(opened)
      expect(await store.write('x', tx => tx.outbox.pendingOpened(alertId, 'mail'))).toBeUndefined()
      const dead = { ...opened, state: 'dead' as const, attempts: 9, lastError: 'refused' }
      await store.write('x', tx => tx.outbox.put(dead))
      expect(await store.read.outboxCounts()).toEqual({ pending: 1, dead: 1 })
      expect(await store.read.outboxOf(alertId)).toEqual([dead, resolved])
      expect(await store.write('x', tx => tx.outbox.pendingOpened(alertId, 'webhook'))).toBeUndefined()
      expect(await store.read.outboxDue(resolved.nextAttemptAt, 10)).toEqual([resolved])
      await expect(store.write('x', tx => tx.outbox.put({ ...dead, id: 999_999 }))).rejects.toMatchObject({
        code: 'not-found',
      })
    })
  })
}
