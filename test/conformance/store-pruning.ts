import { describe, expect, test } from 'vitest'
import { newId } from '../../shared/clock/index.ts'
import { agent, alert, attempt, backup, database, decision, instance, job, message } from './store-records.ts'
import type { MakeStore } from './store-under-test.ts'

export function storePruningSuite(make: MakeStore): void {
  describe('pruning', () => {
    test('takes answers and results older than the moment, the oldest first and no more than asked', async () => {
      await using under = await make()
      const store = await under.open()
      for (const ledger of ['requests', 'results'] as const) {
        await store.write('x', async tx => {
          for (const at of [3, 1, 5, 2, 4]) await tx[ledger].put(`of-${at}`, at, 'said')
        })
        const prune = (before: number, limit: number) =>
          store.write('x', tx => tx.prune[ledger]({ before, limit }))
        const left = () =>
          store.write('x', async tx => {
            const known = []
            for (const at of [1, 2, 3, 4, 5])
              if ((await tx[ledger].get(`of-${at}`)) !== undefined) known.push(at)
            return known
          })
        expect(await prune(1, 10)).toBe(0)
        expect(await prune(4, 2)).toBe(2)
        expect(await left()).toEqual([3, 4, 5])
        expect(await prune(4, 2)).toBe(1)
        expect(await left()).toEqual([4, 5])
      }
    })

    test('takes messages that were delivered or cancelled, never one that waits or is given up', async () => {
      await using under = await make()
      const store = await under.open()
      const alertId = newId('alert')
      const states = ['delivered', 'cancelled', 'pending', 'dead', 'delivered'] as const
      await store.write('x', async tx => {
        for (const [i] of states.entries())
          await tx.outbox.enqueue(
            message({ alertId, idempotencyKey: `${i}`, nextAttemptAt: i === 4 ? 50 : 5 }),
          )
      })
      for (const [i, sent] of (await store.read.outboxOf(alertId)).entries())
        await store.write('x', tx => tx.outbox.put({ ...sent, state: states[i] ?? 'dead' }))
      expect(await store.write('x', tx => tx.prune.outbox({ before: 50, limit: 1 }))).toBe(1)
      expect(await store.write('x', tx => tx.prune.outbox({ before: 50, limit: 10 }))).toBe(1)
      const left = (await store.read.outboxOf(alertId)).map(each => each.idempotencyKey)
      expect(left).toEqual(['2', '3', '4'])
      expect(await store.read.outboxCounts()).toEqual({ pending: 1, dead: 1 })
    })

    test('takes the decisions of jobs that ended before, steps over those of others, and stops at young ones', async () => {
      await using under = await make()
      const store = await under.open()
      const by = { kind: 'system', name: '' } as const
      const ended = job({ state: { kind: 'cancelled', endedAt: 10, by, reason: '' } })
      const lately = job({ state: { kind: 'cancelled', endedAt: 90, by, reason: '' } })
      const open = job()
      await store.write('x', async tx => {
        for (const each of [ended, lately, open]) await tx.jobs.insert(each)
        await tx.attempts.insert(attempt({ jobId: ended.id }))
        for (const at of [1, 2, 3])
          await tx.decisions.append([ended, lately, open].map(each => decision({ jobId: each.id, at })))
        await tx.decisions.append([decision({ jobId: open.id, at: 80 })])
      })
      const look = (after?: number) =>
        store.write('x', tx =>
          tx.prune.decisions({ before: 50, limit: 4, ...(after === undefined ? {} : { after }) }),
        )
      const removed = []
      let looks = 0
      for (let after: number | undefined; ; ) {
        const found = await look(after)
        looks++
        removed.push(found.removed)
        after = found.next
        if (after === undefined) break
      }
      expect(removed.reduce((sum, each) => sum + each, 0)).toBe(3)
      expect(looks).toBe(3)
      expect(await store.read.decisions(ended.id)).toEqual([])
      expect(await store.read.decisions(lately.id)).toHaveLength(3)
      expect(await store.read.decisions(open.id)).toHaveLength(4)
      expect(await store.read.job(ended.id)).toEqual(ended)
      expect(await store.read.attempts(ended.id)).toHaveLength(1)
      // what is left is young or of a job at work: another look finds nothing and ends
      expect((await look()).removed).toBe(0)
    })

    test('touches nothing else that is as old', async () => {
      await using under = await make()
      const store = await under.open()
      const [old, raised, saved] = [job({ createdAt: 1 }), alert({ openedAt: 1 }), backup({ committedAt: 1 })]
      const pending = message({ alertId: raised.id, nextAttemptAt: 1 })
      await store.write('x', async tx => {
        await tx.jobs.insert(old)
        await tx.alerts.put(raised)
        await tx.backups.insert(saved)
        await tx.outbox.enqueue(pending)
        await tx.audit.append({
          at: 1,
          class: 'history',
          actor: 'system',
          action: 'a',
          subject: 's',
          reason: '',
          detail: {},
        })
      })
      await store.write('x', async ({ prune }) => {
        const all = { before: Number.MAX_SAFE_INTEGER, limit: 1_000 }
        await prune.requests(all)
        await prune.results(all)
        await prune.outbox(all)
        await prune.decisions(all)
      })
      expect(await store.read.job(old.id)).toEqual(old)
      expect(await store.read.openAlerts()).toEqual([raised])
      expect(await store.read.backup(saved.id)).toEqual(saved)
      expect(await store.read.outboxOf(raised.id)).toHaveLength(1)
      expect(await store.read.auditFrom(0, 10)).toHaveLength(1)
    })
  })

  describe('what there is now', () => {
    test('counts databases of clusters and instances of agents; globals, tombstones and others left out', async () => {
      await using under = await make()
      const store = await under.open()
      const [one, other, none] = [newId('cluster'), newId('cluster'), newId('cluster')]
      const [mine, idle] = [agent(), agent()]
      await store.write('x', async tx => {
        await tx.databases.put(database({ clusterId: one, name: 'a' }))
        await tx.databases.put(database({ clusterId: one, name: 'b' }))
        await tx.databases.put(database({ clusterId: one, name: 'c', goneSince: 5 }))
        await tx.databases.put(database({ clusterId: one, name: '', scope: 'cluster' }))
        await tx.databases.put(database({ clusterId: other, name: 'a' }))
        await tx.instances.put(instance({ agentId: mine.id, discoveryKey: 'k1' }))
        await tx.instances.put(instance({ agentId: mine.id, discoveryKey: 'k2', goneSince: 5 }))
        await tx.instances.put(instance({ discoveryKey: 'k3' }))
      })
      expect(await store.read.databasesIn([one, none])).toEqual(
        new Map([
          [one, 2],
          [none, 0],
        ]),
      )
      expect(await store.read.instancesOf([mine.id, idle.id])).toEqual(
        new Map([
          [mine.id, 1],
          [idle.id, 0],
        ]),
      )
      expect(await store.read.databasesIn([])).toEqual(new Map())
      expect(await store.read.instancesOf([])).toEqual(new Map())
    })
  })
}
