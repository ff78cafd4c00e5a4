import { describe, expect, test } from 'vitest'
import { verifyChain } from '../../coordinator/audit/index.ts'
import { newId } from '../../shared/clock/index.ts'
import { attempt, cluster, entry, job } from './store-records.ts'
import { type MakeStore, rejectionOf } from './store-under-test.ts'

export function storeWriterSuite(make: MakeStore): void {
  describe('the writer', () => {
    test('refuses every write before this process leads, and after it gave the term back', async () => {
      await using database = await make()
      const store = await database.open({ lead: false })
      const write = () => store.write('x', async tx => tx.clusters.put(cluster()))
      await expect(write()).rejects.toMatchObject({ code: 'leader.none' })
      expect(await store.leadership.tryAcquire('me', 15_000)).toBe(1)
      await write()
      await store.leadership.release()
      await expect(write()).rejects.toMatchObject({ code: 'leader.none' })
      expect((await store.read.clusters({ size: 10 })).items).toHaveLength(1)
    })

    test('undoes a step that throws alone: its batch is kept, its effects never run', async () => {
      await using database = await make()
      const store = await database.open()
      const good = [cluster({ name: 'a' }), cluster({ name: 'c' })]
      const bad = cluster({ name: 'b' })
      const effects: string[] = []
      const mine = new TypeError('mine')
      const written = await Promise.allSettled([
        store.write('a', async tx => {
          await tx.clusters.put(good[0] ?? bad)
          await tx.counters.add('kept', 1)
          tx.afterCommit(() => effects.push('a'))
          return 'first'
        }),
        store.write('b', async tx => {
          await tx.clusters.put(bad)
          await tx.audit.append(entry())
          await tx.counters.add('undone', 1)
          tx.afterCommit(() => effects.push('b'))
          throw mine
        }),
        store.write('c', async tx => {
          await tx.clusters.put(good[1] ?? bad)
          tx.afterCommit(() => effects.push('c'))
          return 'third'
        }),
      ])
      expect(written).toEqual([
        { status: 'fulfilled', value: 'first' },
        { status: 'rejected', reason: mine },
        { status: 'fulfilled', value: 'third' },
      ])
      expect(effects).toEqual(['a', 'c'])
      expect((await store.read.clusters({ size: 10 })).items).toEqual(good)
      expect(await store.read.counters()).toEqual(new Map([['kept', 1]]))
      expect(await store.read.auditTotal()).toBe(0)
    })

    test('undoes a step whose statement the database refuses alone, as `conflict`', async () => {
      await using database = await make()
      const store = await database.open()
      const one = job()
      await store.write('first', tx => tx.jobs.insert(one))
      const [refused, kept] = await Promise.allSettled([
        store.write('again', tx => tx.jobs.insert({ ...one, dueSlot: 'another' })),
        store.write('other', tx => tx.clusters.put(cluster())),
      ])
      expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'conflict' } })
      expect(kept.status).toBe('fulfilled')
    })

    test('a step that swallows a refused statement harms no other', async () => {
      await using database = await make()
      const store = await database.open()
      const one = job()
      await store.write('first', tx => tx.jobs.insert(one))
      await Promise.allSettled([
        store.write('swallows', async tx => {
          await tx.jobs.insert({ ...one, dueSlot: 'another' }).catch(() => undefined)
          await tx.clusters.put(cluster({ name: 'after' }))
        }),
      ])
      // Whatever the database makes of it, the writer goes on
      await store.write('next', tx => tx.clusters.put(cluster({ name: 'next' })))
      const names = (await store.read.clusters({ size: 10 })).items.map(item => item.name)
      expect(names).toContain('next')
    })

    test('runs effects after the commit, in the order of steps and registration, before the answers', async () => {
      await using database = await make()
      // both steps in one transaction, however slow the first one is
      const store = await database.open({ maxWaitMs: 10_000 })
      const seen: string[] = []
      const step = (name: string) =>
        store
          .write(name, async tx => {
            await tx.clusters.put(cluster({ name }))
            tx.afterCommit(() => seen.push(`${name}1`))
            tx.afterCommit(() => {
              throw new Error('an effect that fails')
            })
            tx.afterCommit(() => seen.push(`${name}2`))
            seen.push(`step ${name}`)
          })
          .then(() => seen.push(`answer ${name}`))
      await Promise.all([step('a'), step('b')])
      expect(seen.slice(0, 6)).toEqual(['step a', 'step b', 'a1', 'a2', 'b1', 'b2'])
      expect(seen.slice(6)).toEqual(['answer a', 'answer b'])
    })

    test('lets an effect see what was committed', async () => {
      await using database = await make()
      const store = await database.open()
      const made = cluster()
      const { promise, resolve } = Promise.withResolvers<unknown>()
      await store.write('x', async tx => {
        await tx.clusters.put(made)
        tx.afterCommit(() => resolve(store.read.cluster(made.id)))
      })
      expect(await promise).toEqual(made)
    })

    test('commits 100 concurrent writes in far fewer transactions', async () => {
      await using database = await make()
      const batches: number[] = []
      const store = await database.open({
        maxWaitMs: 10_000,
        metrics: { batch: steps => void batches.push(steps) },
      })
      await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          store.write('x', tx => tx.clusters.put(cluster({ name: `c${i}` }))),
        ),
      )
      expect(batches.reduce((sum, steps) => sum + steps, 0)).toBe(100)
      expect(batches.length).toBeLessThanOrEqual(3)
      expect((await store.read.clusters({ size: 1_000 })).items).toHaveLength(100)
    })

    test('takes no more than maxBatch steps into a transaction, and keeps their order', async () => {
      await using database = await make()
      const batches: number[] = []
      const store = await database.open({
        maxBatch: 7,
        maxWaitMs: 10_000,
        metrics: { batch: steps => void batches.push(steps) },
      })
      const order: number[] = []
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.write('x', async () => void order.push(i))),
      )
      expect(Math.max(...batches)).toBe(7)
      expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i))
    })

    test('rejects the whole batch with store.unavailable and runs no effect when it cannot commit', async () => {
      await using database = await make()
      const store = await database.open()
      await database.tamper('drop table counters')
      const effects: string[] = []
      const written = await Promise.allSettled(
        ['a', 'b'].map(name =>
          store.write(name, async tx => {
            await tx.clusters.put(cluster({ name }))
            await tx.counters.add(name, 1)
            tx.afterCommit(() => effects.push(name))
          }),
        ),
      )
      for (const result of written)
        expect(result).toMatchObject({
          status: 'rejected',
          reason: { code: 'store.unavailable', traits: { retry: 'backoff' } },
        })
      expect(effects).toEqual([])
      expect((await store.read.clusters({ size: 10 })).items).toEqual([])
    })

    test('rows that are appended with the batch leave no trace of a step that was undone, nor a gap', async () => {
      await using database = await make()
      const store = await database.open()
      const of = job()
      const about = (text: string) => ({
        jobId: of.id,
        at: 1,
        kind: 'k',
        subject: '',
        code: text,
        text,
        numbers: {},
      })
      const step = (text: string, fails: boolean) =>
        store.write(text, async tx => {
          await Promise.all([
            tx.audit.append(entry({ reason: text })),
            tx.audit.append(entry({ reason: text })),
          ])
          await tx.decisions.append([about(text)])
          if (fails) throw new Error(text)
        })
      await Promise.allSettled([step('a', false), step('b', true), step('c', false)])
      await step('d', false)
      const rows = await store.read.auditFrom(0, 100)
      expect(rows.map(row => [row.seq, row.reason])).toEqual(
        ['a', 'a', 'c', 'c', 'd', 'd'].map((text, i) => [i + 1, text]),
      )
      expect(await verifyChain(store.read)).toMatchObject({ intact: true, checked: 6 })
      expect((await store.read.decisions(of.id)).map(each => each.text)).toEqual(['a', 'c', 'd'])
    })

    test('a batch whose appended rows are refused fails as a whole, and the next ties to the chain as it is', async () => {
      await using database = await make()
      const store = await database.open({ maxWaitMs: 10_000 })
      const effects: string[] = []
      const step = (name: string) =>
        store.write(name, async tx => {
          await tx.clusters.put(cluster({ name }))
          await tx.audit.append(entry())
          tx.afterCommit(() => effects.push(name))
        })
      await step('before')
      // somebody else writes the next row of the chain, which cannot be
      await database.tamper(`insert into audit (seq, at, class, actor, action, subject, reason, detail, prev_hash, hash)
        select 2, at, class, actor, action, subject, reason, detail, prev_hash, 'x' from audit where seq = 1`)
      const refused = await Promise.allSettled([step('a'), step('b')])
      for (const result of refused)
        expect(result).toMatchObject({ status: 'rejected', reason: { code: 'store.unavailable' } })
      await step('after')
      expect(effects).toEqual(['before', 'after'])
      expect((await store.read.clusters({ size: 10 })).items.map(item => item.name)).toEqual([
        'after',
        'before',
      ])
      expect((await store.read.auditFrom(0, 100)).map(row => row.seq)).toEqual([1, 2, 3])
    })

    test('a step reads what it wrote itself, and the next what was kept, not what was undone', async () => {
      await using database = await make()
      const store = await database.open()
      const one = job()
      await store.write('first', tx => tx.jobs.insert(one))
      const seen: unknown[] = []
      const running = { ...one, reason: 'changed' }
      await Promise.allSettled([
        store.write('changes', async tx => {
          await tx.jobs.get(one.id)
          await tx.jobs.update(running)
          seen.push((await tx.jobs.get(one.id))?.reason)
          throw new Error('undone')
        }),
        store.write('looks', async tx => {
          seen.push((await tx.jobs.get(one.id))?.reason)
          await tx.jobs.update(running)
        }),
        store.write('looks again', async tx => {
          seen.push((await tx.jobs.get(one.id))?.reason)
        }),
      ])
      expect(seen).toEqual(['changed', one.reason, 'changed'])
    })

    test('tells a step of the first refusal, not of what follows from it', async () => {
      await using database = await make()
      const store = await database.open()
      const one = job()
      await store.write('first', tx => tx.jobs.insert(one))
      const lost = attempt({ jobId: newId('job') })
      const refused = await rejectionOf(
        store.write('x', async tx => {
          await tx.attempts.insert(lost)
          // where nobody waits for answers, this meets a transaction that is aborted already
          await tx.jobs.get(newId('job'))
          await tx.clusters.put(cluster())
        }),
      )
      expect(refused).toMatchObject({ code: 'conflict' })
      expect((await store.read.clusters({ size: 10 })).items).toEqual([])
    })

    test('lets the loop turn within a batch, and takes in who comes meanwhile', async () => {
      await using database = await make()
      const batches: number[] = []
      const store = await database.open({
        maxWaitMs: 10_000,
        maxHoldMs: 0,
        metrics: { batch: steps => void batches.push(steps) },
      })
      const late: Promise<void>[] = []
      await Promise.all(
        ['a', 'b', 'c'].map((name, i) =>
          store.write(name, async tx => {
            await tx.clusters.put(cluster({ name }))
            if (i === 0)
              setImmediate(() =>
                late.push(store.write('late', put => put.clusters.put(cluster({ name: 'd' })))),
              )
          }),
        ),
      )
      await Promise.all(late)
      expect((await store.read.clusters({ size: 10 })).items.map(item => item.name)).toEqual([
        'a',
        'b',
        'c',
        'd',
      ])
      expect(batches).toEqual([4])
    })

    test('refuses a write beyond the bound of its queue at once', async () => {
      await using database = await make()
      const store = await database.open({ maxQueue: 2 })
      const written = await Promise.allSettled(
        [1, 2, 3].map(name => store.write(String(name), async () => name)),
      )
      expect(written[2]).toMatchObject({ status: 'rejected', reason: { code: 'store.unavailable' } })
      expect(written.slice(0, 2).map(result => result.status)).toEqual(['fulfilled', 'fulfilled'])
    })

    test('ends a step that awaits something besides its transaction, and goes on', async () => {
      await using database = await make()
      const store = await database.open({ stepTimeoutMs: 50 })
      const never = store.write('stuck', async tx => {
        await tx.clusters.put(cluster({ name: 'stuck' }))
        await new Promise(() => {})
      })
      const other = store.write('next', tx => tx.clusters.put(cluster({ name: 'next' })))
      await expect(never).rejects.toMatchObject({ code: 'internal' })
      await other
      expect((await store.read.clusters({ size: 10 })).items.map(item => item.name)).toEqual(['next'])
    })

    test('closes the transaction to a step that has ended', async () => {
      await using database = await make()
      const store = await database.open()
      const kept = await store.write('x', async tx => tx)
      await expect((async () => kept.clusters.put(cluster()))()).rejects.toMatchObject({ code: 'internal' })
      expect((await store.read.clusters({ size: 10 })).items).toEqual([])
    })

    test('flush waits for every step queued so far; close finishes them and takes no more', async () => {
      await using database = await make()
      const store = await database.open({ maxBatch: 2 })
      const done: number[] = []
      for (let i = 0; i < 5; i++) void store.write('x', async tx => tx.afterCommit(() => done.push(i)))
      await store.flush()
      expect(done).toEqual([0, 1, 2, 3, 4])
      const last = store.write('x', async () => 'last')
      await store.close()
      expect(await last).toBe('last')
      await expect(store.write('x', async () => 'late')).rejects.toMatchObject({ code: 'store.unavailable' })
    })
  })

  describe('the fence', () => {
    test('refuses the write of a leader that was taken over, and undoes nothing of the new one', async () => {
      await using database = await make()
      const store = await database.open()
      await store.write('x', tx => tx.clusters.put(cluster({ name: 'before' })))
      await database.tamper(`update leader set epoch = epoch + 1, holder = 'another'`)
      const effects: string[] = []
      const refused = await rejectionOf(
        store.write('x', async tx => {
          await tx.clusters.put(cluster({ name: 'after' }))
          tx.afterCommit(() => effects.push('x'))
        }),
      )
      expect(refused).toMatchObject({ code: 'leader.deposed', context: { term: 1, current_term: 2 } })
      expect(store.leadership.term).toBeUndefined()
      expect(effects).toEqual([])
      await expect(store.write('x', async () => 1)).rejects.toMatchObject({ code: 'leader.deposed' })
      expect((await store.read.clusters({ size: 10 })).items.map(item => item.name)).toEqual(['before'])
    })

    test('renew tells the leader that somebody else leads', async () => {
      await using database = await make()
      const store = await database.open()
      expect(await store.leadership.renew()).toBe(true)
      await database.tamper('update leader set epoch = epoch + 1')
      expect(await store.leadership.renew()).toBe(false)
      expect(store.leadership.term).toBeUndefined()
    })

    test('each term is higher than the one before, and acquiring twice keeps the term', async () => {
      await using database = await make()
      const store = await database.open()
      expect(store.leadership.term).toBe(1)
      expect(await store.leadership.tryAcquire('me', 15_000)).toBe(1)
      await store.leadership.release()
      expect(store.leadership.term).toBeUndefined()
      expect(await store.leadership.tryAcquire('me', 15_000)).toBe(2)
    })
  })

  describe('the identity of a store', () => {
    test('stays with it, but a restored copy gets a new incarnation', async () => {
      await using database = await make()
      const first = await database.open()
      const { incarnation, fleetId } = first
      expect(incarnation).toMatch(/^inc_/)
      expect(fleetId).toMatch(/^flt_/)
      await first.close()
      const again = await database.open()
      expect({ incarnation: again.incarnation, fleetId: again.fleetId }).toEqual({ incarnation, fleetId })
      await again.close()
      const restored = await database.open({ restored: true })
      expect(restored.fleetId).toBe(fleetId)
      expect(restored.incarnation).not.toBe(incarnation)
    })
  })
}
