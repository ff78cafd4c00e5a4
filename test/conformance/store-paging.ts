import { describe, expect, test } from 'vitest'
import { newId } from '../../shared/clock/index.ts'
import { agent, alert, backup, cluster, database, entry, instance, job, state } from './store-records.ts'
import { allPages, type MakeStore } from './store-under-test.ts'

/** Names that a locale would sort otherwise, or fold into one. */
const oddNames = [
  'a',
  'A',
  'b',
  'B',
  'ä',
  'Z',
  'z',
  'ß',
  'ss',
  'é',
  'e\u0301',
  ' a',
  'a b',
  'a-b',
  'a_b',
  '_a',
  '10',
  '9',
  '',
  'ﬀ',
  '🦉',
  '\uffee',
  'İ',
  'i',
  'I',
  'ı',
  "quote'd",
  'per%cent',
  'x'.repeat(63),
  '漢字',
  '\u200bzero',
  '\ttab',
  `long ${'é'.repeat(1_500)}`,
]

function bytewise(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

export function storePagingSuite(make: MakeStore): void {
  describe('pages', () => {
    test('names of any script and case come bytewise, the same on every database, none lost or twice', async () => {
      await using under = await make()
      const store = await under.open()
      const names = [...oddNames, ...oddNames]
      await store.write('x', async tx => {
        for (const name of names) {
          await tx.databases.put(database({ name }))
          await tx.clusters.put(cluster({ name }))
          await tx.agents.put(agent({ hostname: name }))
        }
        for (const name of oddNames) await tx.instances.put(instance({ discoveryKey: name }))
      })
      const sorted = names.toSorted(bytewise)
      for (const size of [1, 7, 1_000]) {
        const databases = await allPages(page => store.read.databases(page, {}), size)
        expect(databases.map(item => item.database.name)).toEqual(sorted)
        expect(new Set(databases.map(item => item.database.id)).size).toBe(names.length)
      }
      const clusters = await allPages(page => store.read.clusters(page), 5)
      expect(clusters.map(item => item.name)).toEqual(sorted)
      const agents = await allPages(page => store.read.agents(page), 5)
      expect(agents.map(item => item.hostname)).toEqual(sorted)
      const instances = await allPages(page => store.read.instances(page, {}), 5)
      expect(instances.map(item => item.discoveryKey)).toEqual(oddNames.toSorted(bytewise))
      for (const name of new Set(oddNames)) {
        const found = await store.read.databases({ size: 10 }, { name })
        expect(found.items.map(item => item.database.name)).toEqual([name, name])
      }
    })

    test('backups by size and duration, and of several clusters or databases: in order, none lost or twice', async () => {
      await using under = await make()
      const store = await under.open()
      const clusterIds = [newId('cluster'), newId('cluster'), newId('cluster')] as const
      const made = Array.from({ length: 24 }, (_, i) =>
        backup({
          clusterId: clusterIds[i % 3] ?? clusterIds[0],
          committedAt: 1_000 + i,
          startedAt: 1_000 + i - ((i * 7) % 5),
          storedBytes: (i * 5) % 8,
        }),
      )
      const jobs = made.map(({ clusterId, databaseIds: [databaseId = newId('database')] }, i) =>
        job({ createdAt: 5 + (i % 4), subject: { scope: 'database', clusterId, databaseId } }),
      )
      await store.write('x', async tx => {
        for (const each of made) await tx.backups.insert(each)
        for (const each of jobs) await tx.jobs.insert(each)
      })
      const two = [clusterIds[0], clusterIds[2]]
      const some = made.slice(3, 9).flatMap(each => each.databaseIds)
      const wholes = [
        [{}, made],
        [{ since: 1_010 }, made.slice(10)],
        [{ clusterId: clusterIds[1] }, made.filter(each => each.clusterId === clusterIds[1])],
        [{ clusterIds: two }, made.filter(each => two.includes(each.clusterId))],
        [{ databaseIds: some }, made.slice(3, 9)],
        [{ databaseIds: some.slice(0, 1) }, made.slice(3, 4)],
        [{ databaseIds: [] }, []],
      ] as const
      for (const [filter, whole] of wholes)
        for (const order of [undefined, 'size', 'duration'] as const) {
          const by = { size: 'storedBytes', duration: 'took', time: 'committedAt' } as const
          const key = (each: (typeof made)[number]) =>
            ({ ...each, took: each.committedAt - each.startedAt })[by[order ?? 'time']]
          const expected = whole
            .toSorted((a, b) => key(b) - key(a) || (a.id < b.id ? 1 : -1))
            .map(each => each.id)
          for (const size of [1, 5, 100]) {
            const asked = { ...filter, ...(order === undefined ? {} : { order }) }
            const found = await allPages(page => store.read.backups(page, asked), size)
            expect(found.map(each => each.id)).toEqual(expected)
          }
        }
      const found = await allPages(page => store.read.jobs(page, { clusterIds: two, oldestFirst: true }), 3)
      expect(found.map(each => each.id)).toEqual(
        jobs
          .filter(each => each.subject.scope === 'database' && two.includes(each.subject.clusterId))
          .toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
          .map(each => each.id),
      )
    })

    test('lists in the order of time come newest first, ties included, none lost or twice', async () => {
      await using under = await make()
      const store = await under.open()
      const databaseId = newId('database')
      const times = [5, 1, 5, 5, 3, 2, 5, 4, 1]
      await store.write('x', async tx => {
        for (const [i, at] of times.entries()) {
          await tx.jobs.insert(job({ createdAt: at }))
          await tx.backups.insert(backup({ committedAt: at, databaseIds: [databaseId] }))
          await tx.alerts.put(alert({ openedAt: at, dedupKey: `k${i}` }))
          await tx.audit.append(entry())
        }
      })
      const sorted = times.toSorted((a, b) => b - a)
      for (const size of [1, 2, 4]) {
        const jobs = await allPages(page => store.read.jobs(page, { kind: 'backup' }), size)
        expect(jobs.map(item => item.createdAt)).toEqual(sorted)
        expect(new Set(jobs.map(item => item.id)).size).toBe(times.length)
        for (const filter of [{}, { databaseId }]) {
          const backups = await allPages(page => store.read.backups(page, filter), size)
          expect(backups.map(item => item.committedAt)).toEqual(sorted)
          expect(new Set(backups.map(item => item.id)).size).toBe(times.length)
        }
        const alerts = await allPages(page => store.read.alerts(page, { state: 'open' }), size)
        expect(alerts.map(item => item.openedAt)).toEqual(sorted)
        const audit = await allPages(page => store.read.audit(page, {}), size)
        expect(audit.map(item => item.seq)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1])
      }
    })

    test('a stretch of time has its bounds, and comes from the end that is asked for', async () => {
      await using under = await make()
      const store = await under.open()
      const databaseId = newId('database')
      await store.write('x', async tx => {
        for (const [i, at] of [5, 1, 3, 4, 2, 3].entries()) {
          await tx.jobs.insert(job({ createdAt: at }))
          await tx.backups.insert(backup({ committedAt: at, databaseIds: [databaseId] }))
          await tx.alerts.put(alert({ openedAt: at, dedupKey: `k${i}` }))
        }
      })
      for (const [stretch, expected] of [
        [{ since: 2, until: 5 }, [4, 3, 3, 2]],
        [{ since: 3, oldestFirst: true }, [3, 3, 4, 5]],
        [{ until: 1 }, []],
      ] as const)
        for (const size of [1, 3]) {
          const jobs = await allPages(page => store.read.jobs(page, stretch), size)
          expect(jobs.map(item => item.createdAt)).toEqual(expected)
          for (const filter of [{}, { databaseId }]) {
            const backups = await allPages(page => store.read.backups(page, { ...filter, ...stretch }), size)
            expect(backups.map(item => item.committedAt)).toEqual(expected)
          }
          const alerts = await allPages(page => store.read.alerts(page, { state: 'open', ...stretch }), size)
          expect(alerts.map(item => item.openedAt)).toEqual(expected)
        }
      const { next } = await store.read.jobs({ size: 1 }, {})
      const other = store.read.jobs(
        { size: 1, ...(next === undefined ? {} : { after: next }) },
        { oldestFirst: true },
      )
      await expect(other).rejects.toMatchObject({ code: 'page-token.invalid' })
    })

    test('the last page has no next, also when it is just full', async () => {
      await using under = await make()
      const store = await under.open()
      await store.write('x', async tx => {
        for (const name of ['a', 'b']) await tx.clusters.put(cluster({ name }))
      })
      expect(await store.read.clusters({ size: 2 })).not.toHaveProperty('next')
      expect(await store.read.clusters({ size: 1 })).toHaveProperty('next')
    })

    test('a page has at most 1,000 rows and at least one, whatever was asked for', async () => {
      await using under = await make()
      const store = await under.open()
      await store.write('x', async tx => {
        for (let i = 0; i < 1_001; i++) {
          const made = database({ name: String(i) })
          await tx.databases.put(made)
          if (i % 100 === 0) await tx.databases.putState(state({ databaseId: made.id }))
        }
      })
      for (const size of [5_000, Number.POSITIVE_INFINITY, 1_000]) {
        const page = await store.read.databases({ size }, {})
        expect(page.items).toHaveLength(1_000)
        expect(page.next).toBeDefined()
      }
      for (const size of [0, -5, Number.NaN, 0.5])
        expect((await store.read.databases({ size }, {})).items).toHaveLength(1)
    })

    test('a token that this list did not give out is refused', async () => {
      await using under = await make()
      const store = await under.open()
      await store.write('x', async tx => {
        for (const name of ['a', 'b', 'c']) {
          await tx.clusters.put(cluster({ name }))
          await tx.databases.put(database({ name }))
        }
      })
      const { next } = await store.read.databases({ size: 1 }, {})
      const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
      for (const after of [
        '',
        'garbage',
        '!!!',
        'a b',
        '../..',
        next ?? '',
        `${next}x`,
        encode(['clusters']),
        encode(['clusters', 'a']),
        encode(['clusters', 'a', 1]),
        encode(['clusters', 'a\0', 'b']),
        encode({ clusters: 1 }),
        'A'.repeat(100_000),
      ])
        await expect(store.read.clusters({ size: 1, after }), after.slice(0, 40)).rejects.toMatchObject({
          code: 'page-token.invalid',
        })
    })
  })
}
