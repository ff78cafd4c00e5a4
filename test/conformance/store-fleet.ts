import { describe, expect, test } from 'vitest'
import { newId } from '../../shared/clock/index.ts'
import { agent, backup, cluster, database, debris, instance, state } from './store-records.ts'
import type { MakeStore } from './store-under-test.ts'

export function storeFleetSuite(make: MakeStore): void {
  describe('agents', () => {
    test('are put and put again, and listed by hostname', async () => {
      await using under = await make()
      const store = await under.open()
      const [a, b] = [agent({ hostname: 'b' }), agent({ hostname: 'a' })]
      await store.write('x', async tx => {
        await tx.agents.put(a)
        await tx.agents.put(b)
        await tx.agents.put({ ...a, draining: true })
        expect(await tx.agents.get(a.id)).toEqual({ ...a, draining: true })
      })
      expect((await store.read.agents({ size: 10 })).items).toEqual([b, { ...a, draining: true }])
      expect(await store.read.agent(b.id)).toEqual(b)
    })

    test('a touch moves many forward, and none back', async () => {
      await using under = await make()
      const store = await under.open()
      const agents = Array.from({ length: 5 }, () => agent({ lastSeenAt: 100 }))
      await store.write('x', async tx => {
        for (const each of agents) await tx.agents.put(each)
      })
      const seen = new Map(agents.slice(1).map((each, i) => [each.id, i === 0 ? 50 : 200]))
      await store.write('x', tx => tx.agents.touch(seen))
      await store.write('x', tx => tx.agents.touch(new Map()))
      const after = await Promise.all(agents.map(each => store.read.agent(each.id)))
      expect(after.map(each => each?.lastSeenAt)).toEqual([100, 100, 200, 200, 200])
    })

    test('a touch of 2,500 agents at once works', async () => {
      await using under = await make()
      const store = await under.open()
      const known = agent({ lastSeenAt: 1 })
      const seen = new Map(Array.from({ length: 2_500 }, () => [newId('agent'), 9] as const))
      seen.set(known.id, 9)
      await store.write('x', tx => tx.agents.put(known))
      await store.write('x', tx => tx.agents.touch(seen))
      expect((await store.read.agent(known.id))?.lastSeenAt).toBe(9)
    })
  })

  describe('clusters and instances', () => {
    test('come back as they were put', async () => {
      await using under = await make()
      const store = await under.open()
      const made = cluster()
      await store.write('x', async tx => {
        await tx.clusters.put(made)
        await tx.clusters.put({ ...made, name: 'renamed' })
        expect(await tx.clusters.get(made.id)).toEqual({ ...made, name: 'renamed' })
      })
      expect(await store.read.cluster(made.id)).toEqual({ ...made, name: 'renamed' })
    })

    test('an instance is found by its key, its source and each filter; a second of that key is refused', async () => {
      await using under = await make()
      const store = await under.open()
      const agentId = newId('agent')
      const one = instance({ discoveryKey: 'a', source: 'static' })
      const two = instance({ discoveryKey: 'b', agentId })
      const gone = instance({ discoveryKey: 'c', clusterId: one.clusterId, goneSince: 5 })
      await store.write('x', async tx => {
        for (const each of [two, one, gone]) await tx.instances.put(each)
        expect(await tx.instances.get(one.id)).toEqual(one)
        expect(await tx.instances.byDiscoveryKey('b')).toEqual(two)
        expect(await tx.instances.byDiscoveryKey('z')).toBeUndefined()
        expect(await tx.instances.ofSource('consul')).toEqual([two, gone])
      })
      const list = async (filter: Parameters<typeof store.read.instances>[1]) =>
        (await store.read.instances({ size: 10 }, filter)).items
      expect(await list({})).toEqual([one, two, gone])
      expect(await list({ gone: false })).toEqual([one, two])
      expect(await list({ clusterId: one.clusterId, gone: true })).toEqual([gone])
      expect(await list({ agentId })).toEqual([two])
      expect(await store.read.instance(two.id)).toEqual(two)
      await expect(
        store.write('x', tx => tx.instances.put(instance({ discoveryKey: 'a' }))),
      ).rejects.toMatchObject({ code: 'conflict' })
    })
  })

  describe('databases', () => {
    test('come back with their state, by each filter, in the order of their names', async () => {
      await using under = await make()
      const store = await under.open()
      const clusterId = newId('cluster')
      const a = database({ name: 'a', clusterId })
      const b = database({ name: 'b', goneSince: 7 })
      const globals = database({ name: '', clusterId, scope: 'cluster' })
      const ofA = state({ databaseId: a.id, protection: 'breached', lastBackupId: newId('backup') })
      await store.write('x', async tx => {
        for (const each of [b, a, globals]) await tx.databases.put(each)
        await tx.databases.putState(ofA)
        expect(await tx.databases.get(b.id)).toEqual(b)
        expect(await tx.databases.state(a.id)).toEqual(ofA)
        expect(await tx.databases.state(b.id)).toBeUndefined()
        expect(await tx.databases.ofCluster(clusterId)).toEqual([globals, a])
      })
      const list = async (filter: Parameters<typeof store.read.databases>[1]) =>
        (await store.read.databases({ size: 10 }, filter)).items
      expect(await list({})).toEqual([{ database: globals }, { database: a, state: ofA }, { database: b }])
      expect(await list({ name: 'b' })).toEqual([{ database: b }])
      expect(await list({ clusterId, protection: 'breached' })).toEqual([{ database: a, state: ofA }])
      expect(await list({ protection: 'protected' })).toEqual([])
      expect(await list({ gone: true })).toEqual([{ database: b }])
      expect(await store.read.database(a.id)).toEqual(a)
      expect(await store.read.databaseState(a.id)).toEqual(ofA)
    })

    test('a state needs its database', async () => {
      await using under = await make()
      const store = await under.open()
      await expect(
        store.write('x', tx => tx.databases.putState(state({ databaseId: newId('database') }))),
      ).rejects.toMatchObject({ code: 'not-found' })
    })

    test('are counted by protection, while they are not gone', async () => {
      await using under = await make()
      const store = await under.open()
      const [a, b] = [database(), database()]
      const shown = instance()
      const counts = async () => {
        const { instances, databases, protection } = await store.read.aggregates(0)
        return { instances, databases, protection }
      }
      await store.write('x', async tx => {
        await tx.instances.put(shown)
        for (const each of [a, b]) await tx.databases.put(each)
        await tx.databases.putState(state({ databaseId: a.id, protection: 'due' }))
        await tx.databases.putState(state({ databaseId: b.id, protection: 'due' }))
        await tx.databases.putState(state({ databaseId: b.id, protection: 'protected' }))
      })
      expect(await counts()).toEqual({ instances: 1, databases: 2, protection: { due: 1, protected: 1 } })
      await store.write('x', async tx => {
        await tx.instances.put({ ...shown, goneSince: 1 })
        await tx.databases.put({ ...b, goneSince: 1 })
        await tx.databases.putState(state({ databaseId: b.id, protection: 'unprotected' }))
      })
      expect(await counts()).toEqual({ instances: 0, databases: 1, protection: { due: 1 } })
      await store.write('x', async tx => {
        await tx.instances.put(shown)
        await tx.databases.put(b)
      })
      expect(await counts()).toEqual({ instances: 1, databases: 2, protection: { due: 1, unprotected: 1 } })
    })
  })

  describe('backups', () => {
    test('come back with manifest and copies, byte for byte', async () => {
      await using under = await make()
      const store = await under.open()
      const made = backup({ manifest: Uint8Array.from({ length: 70_000 }, (_, i) => i % 256) })
      await store.write('x', async tx => {
        await tx.backups.insert(made)
        expect(await tx.backups.get(made.id)).toEqual(made)
        expect(await tx.backups.byAttempt(made.attemptId)).toEqual(made)
      })
      expect(await store.read.backup(made.id)).toEqual(made)
      expect(await store.read.backup(newId('backup'))).toBeUndefined()
      expect(await store.read.aggregates(0)).toMatchObject({ backups: 1, storedBytes: 100 })
    })

    test('one attempt has one backup', async () => {
      await using under = await make()
      const store = await under.open()
      const made = backup()
      await store.write('x', tx => tx.backups.insert(made))
      await expect(
        store.write('x', tx => tx.backups.insert(backup({ attemptId: made.attemptId }))),
      ).rejects.toMatchObject({ code: 'conflict' })
      expect(await store.read.aggregates(0)).toMatchObject({ backups: 1 })
    })

    test('list newest first without manifests, by database and by cluster; one backup may be of many databases', async () => {
      await using under = await make()
      const store = await under.open()
      const [x, y] = [newId('database'), newId('database')]
      const clusterId = newId('cluster')
      const old = backup({ committedAt: 1, databaseIds: [x, y], clusterId })
      const young = backup({ committedAt: 2, databaseIds: [x], copies: [] })
      const none = backup({ committedAt: 3, databaseIds: [], scope: 'cluster', clusterId })
      await store.write('x', async tx => {
        for (const each of [young, none, old]) await tx.backups.insert(each)
      })
      const bare = (each: typeof old) => ({ ...each, manifest: new Uint8Array(0) })
      const list = async (filter: Parameters<typeof store.read.backups>[1]) =>
        (await store.read.backups({ size: 10 }, filter)).items
      expect(await list({})).toEqual([bare(none), bare(young), bare(old)])
      expect(await list({ databaseId: x })).toEqual([bare(young), bare(old)])
      expect(await list({ databaseId: y })).toEqual([bare(old)])
      expect(await list({ clusterId })).toEqual([bare(none), bare(old)])
      expect(await list({ clusterId, databaseId: x })).toEqual([bare(old)])
    })

    test('debris is put, given to a delete job, and removed', async () => {
      await using under = await make()
      const store = await under.open()
      const deleteJobId = newId('job')
      const [a, b] = [debris({ foundAt: 2 }), debris({ foundAt: 1 })]
      await store.write('x', async tx => {
        await tx.debris.put(a)
        await tx.debris.put(b)
        await tx.debris.put({ ...a, deleteJobId })
        expect(await tx.debris.get(a.attemptId)).toEqual({ ...a, deleteJobId })
        expect(await tx.debris.ofJob(deleteJobId)).toEqual([{ ...a, deleteJobId }])
      })
      expect(await store.read.debris()).toEqual([b, { ...a, deleteJobId }])
      await store.write('x', tx => tx.debris.remove(b.attemptId))
      expect(await store.read.debris()).toEqual([{ ...a, deleteJobId }])
    })
  })
}
