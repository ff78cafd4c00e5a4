import { describe, expect, test } from 'vitest'
import { type Job, subjectKey } from '../../coordinator/jobs/job.ts'
import { newId } from '../../shared/clock/index.ts'
import type { DatabaseId } from '../../shared/model/identifiers.ts'
import { attempt, decision, job } from './store-records.ts'
import type { MakeStore } from './store-under-test.ts'

function ended(of: Job, endedAt: number): Job {
  return {
    ...of,
    state: { kind: 'cancelled', endedAt, by: { kind: 'operator', name: 'ana' }, reason: 'no longer wanted' },
  }
}

export function storeJobsSuite(make: MakeStore): void {
  describe('jobs', () => {
    test('come back as they were written, in a step and beside it', async () => {
      await using database = await make()
      const store = await database.open()
      const made = job({ policy: { name: 'gold', version: '3' } })
      expect(await store.write('x', tx => tx.jobs.insert(made))).toEqual({ job: made, inserted: true })
      expect(await store.write('x', tx => tx.jobs.get(made.id))).toEqual(made)
      expect(await store.read.job(made.id)).toEqual(made)
      expect(await store.read.job(newId('job'))).toBeUndefined()
    })

    test('J9: one open job per kind, subject and due slot; the one there comes back', async () => {
      await using database = await make()
      const store = await database.open()
      const first = job()
      const twin = { ...job(), subject: first.subject }
      const [a, b] = await Promise.all([
        store.write('x', tx => tx.jobs.insert(first)),
        store.write('x', tx => tx.jobs.insert(twin)),
      ])
      expect(a).toEqual({ job: first, inserted: true })
      expect(b).toEqual({ job: first, inserted: false })
      for (const other of [
        { ...twin, id: newId('job'), dueSlot: 'slot-2' },
        { ...twin, id: newId('job'), kind: 'restore' as const },
      ])
        expect(await store.write('x', tx => tx.jobs.insert(other))).toMatchObject({ inserted: true })
      await store.write('x', tx => tx.jobs.update(ended(first, 5)))
      expect(await store.write('x', tx => tx.jobs.insert(twin))).toEqual({ job: twin, inserted: true })
    })

    test('openFor finds the open job of a subject whatever its slot, the oldest first', async () => {
      await using database = await make()
      const store = await database.open()
      const old = job({ dueSlot: 'a', createdAt: 1 })
      const young = { ...job({ dueSlot: 'b', createdAt: 2 }), subject: old.subject }
      const find = () => store.write('x', tx => tx.jobs.openFor('backup', subjectKey(old.subject)))
      expect(await find()).toBeUndefined()
      await store.write('x', tx => tx.jobs.insert(young))
      await store.write('x', tx => tx.jobs.insert(old))
      expect(await find()).toEqual(old)
      await store.write('x', tx => tx.jobs.update(ended(old, 5)))
      expect(await find()).toEqual(young)
    })

    test('an update of a job that is not there is refused', async () => {
      await using database = await make()
      const store = await database.open()
      await expect(store.write('x', tx => tx.jobs.update(job()))).rejects.toMatchObject({ code: 'not-found' })
    })

    test('fields that a newer version wrote survive an update by this one', async () => {
      await using database = await make()
      const store = await database.open()
      const newer = { ...job(), shard: { count: 3 } }
      await store.write('x', tx => tx.jobs.insert(newer))
      await store.write('x', async tx => {
        const read = await tx.jobs.get(newer.id)
        if (read !== undefined) await tx.jobs.update({ ...read, epoch: 1 })
      })
      expect(await store.read.job(newer.id)).toEqual({ ...newer, epoch: 1 })
    })

    test('a row that is no job is a clear error, not a half job', async () => {
      await using database = await make()
      const store = await database.open()
      const made = job()
      await store.write('x', tx => tx.jobs.insert(made))
      await database.tamper(`update jobs set record = replace(record, '"epoch":0', '"epoch":"0"')`)
      await expect(store.read.job(made.id)).rejects.toMatchObject({
        code: 'store.corrupt',
        context: { table: 'jobs', id: made.id, detail: 'field epoch is not a number' },
      })
      await database.tamper(`update jobs set record = '{'`)
      await expect(store.write('x', tx => tx.jobs.get(made.id))).rejects.toMatchObject({
        code: 'store.corrupt',
      })
    })

    test('lists newest first, by each filter', async () => {
      await using database = await make()
      const store = await database.open()
      const clusterId = newId('cluster')
      const databaseId: DatabaseId = newId('database')
      const of = job({ createdAt: 1, subject: { scope: 'database', clusterId, databaseId } })
      const globals = job({ createdAt: 3, subject: { scope: 'cluster', clusterId } })
      const removal = job({
        createdAt: 2,
        kind: 'delete',
        subject: { scope: 'destination', destination: 'main' },
        order: { kind: 'delete', destination: 'main', keys: [], attemptPrefixes: [] },
      })
      const over = ended(job({ createdAt: 4 }), 9)
      await store.write('x', async tx => {
        for (const each of [of, globals, removal, over]) await tx.jobs.insert(each)
      })
      const list = async (filter: Parameters<typeof store.read.jobs>[1]) =>
        (await store.read.jobs({ size: 10 }, filter)).items
      expect(await list({})).toEqual([over, globals, removal, of])
      expect(await list({ open: true })).toEqual([globals, removal, of])
      expect(await list({ open: false })).toEqual([over])
      expect(await list({ state: 'cancelled' })).toEqual([over])
      expect(await list({ kind: 'delete' })).toEqual([removal])
      expect(await list({ clusterId })).toEqual([globals, of])
      expect(await list({ databaseId, open: true, state: 'queued' })).toEqual([of])
      expect(await list({ state: 'running' })).toEqual([])
      const open = await store.read.openJobs()
      expect(new Set(open)).toEqual(new Set([of, globals, removal]))
    })

    test('are counted: open ones by state, ended ones in all and of the last day', async () => {
      await using database = await make()
      const store = await database.open()
      const now = 1_795_000_000_000
      await store.write('x', async tx => {
        await tx.jobs.insert(job())
        for (const endedAt of [now - 1, now - 2, now - 86_400_001]) {
          const made = job()
          await tx.jobs.insert(made)
          await tx.jobs.update({
            ...made,
            state: { kind: 'succeeded', endedAt, attempt: { ...attempt({ jobId: made.id }) } },
          })
        }
      })
      expect(await store.read.aggregates(now)).toMatchObject({
        jobs: { queued: 1, succeeded: 3 },
        succeeded24h: 2,
        failed24h: 0,
      })
    })

    test('have attempts, in the order of their epochs', async () => {
      await using database = await make()
      const store = await database.open()
      const made = job()
      const second = attempt({ jobId: made.id, epoch: 2 })
      const first = attempt({ jobId: made.id, epoch: 1 })
      await store.write('x', async tx => {
        await tx.jobs.insert(made)
        await tx.attempts.insert(second)
        await tx.attempts.insert(first)
      })
      const done = { ...first, endedAt: 7, outcome: 'lost' }
      await store.write('x', tx => tx.attempts.update(done))
      expect(await store.read.attempts(made.id)).toEqual([done, second])
      expect(await store.read.attempt(first.id)).toEqual(done)
      expect(await store.write('x', tx => tx.attempts.get(second.id))).toEqual(second)
      await expect(
        store.write('x', tx => tx.attempts.update(attempt({ jobId: made.id }))),
      ).rejects.toMatchObject({ code: 'not-found' })
      await expect(
        store.write('x', tx => tx.attempts.insert(attempt({ jobId: newId('job') }))),
      ).rejects.toMatchObject({ code: 'conflict' })
    })

    test('have decisions, oldest first', async () => {
      await using database = await make()
      const store = await database.open()
      const jobId = newId('job')
      const made = Array.from({ length: 250 }, (_, i) => decision({ jobId, numbers: { i } }))
      await store.write('x', tx => tx.decisions.append(made.slice(0, 240)))
      await store.write('x', async tx => {
        await tx.decisions.append([])
        await tx.decisions.append(made.slice(240))
      })
      await store.write('x', tx => tx.decisions.append([decision({ jobId: newId('job') })]))
      expect(await store.read.decisions(jobId)).toEqual(made)
    })
  })

  describe('answers and results', () => {
    test('a request id is answered once; a result keeps its disposition', async () => {
      await using database = await make()
      const store = await database.open()
      await store.write('x', async tx => {
        expect(await tx.requests.get('r1')).toBeUndefined()
        await tx.requests.put('r1', 5, '{"job":1}')
        expect(await tx.results.get('res')).toBeUndefined()
        await tx.results.put('res', 5, 'recorded')
      })
      expect(await store.write('x', tx => tx.requests.get('r1'))).toBe('{"job":1}')
      expect(await store.write('x', tx => tx.results.get('res'))).toBe('recorded')
      await expect(store.write('x', tx => tx.requests.put('r1', 6, '{}'))).rejects.toMatchObject({
        code: 'conflict',
      })
    })

    test('counters add up, below zero too', async () => {
      await using database = await make()
      const store = await database.open()
      await Promise.all(
        [5, -7, 1].map(by => store.write('x', tx => tx.counters.add('jobs.succeeded.backup', by))),
      )
      expect(await store.read.counters()).toEqual(new Map([['jobs.succeeded.backup', -1]]))
      await expect(store.write('x', tx => tx.counters.add('~audit', 1))).rejects.toMatchObject({
        code: 'internal',
      })
    })
  })
}
