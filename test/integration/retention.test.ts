import { join } from 'node:path'
import { ListObjectVersionsCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentLog } from '../../shared/log/index.ts'
import type { BackupId } from '../../shared/model/identifiers.ts'
import { openObjectStore } from '../../shared/object-store/index.ts'
import { objectKey } from '../../shared/object-store/port.ts'
import { JobKind } from '../../shared/wire/gen/holdfast/v1/common.ts'
import { startTestAgent } from '../agent/link/agent-under-test.ts'
import { withDatabase } from '../coordinator/running.ts'
import { successOf } from '../harness/fake-agent.ts'
import { requireServers, type S3Server, startS3, temporaryFolder, waitUntil } from '../harness/index.ts'

const servers = await requireServers('retention', 's3')

describe.skipIf(servers.missing)('retention on a real S3 store', () => {
  let s3: S3Server

  beforeAll(async () => {
    s3 = await startS3()
  })
  afterAll(() => s3?.stop())

  /** A coordinator that keeps one backup, an agent that makes them, and a keeper with the bucket's credentials. */
  async function keepingOne(bucket: string, settings: object = {}) {
    const folder = await temporaryFolder('retention')
    const credentials = { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey }
    const place = {
      ...{ name: 'main', url: `s3://${bucket}/fleet`, endpoint: s3.endpoint, region: s3.region },
      profile: 'ceph' as const,
    }
    const { name: _, ...destination } = place
    const world = await withDatabase(
      {
        destinations: { main: { ...destination, ...settings } },
        policies: [{ name: 'all', every: '1s', rpo: '2h', destination: 'main', retention: { keep_last: 1 } }],
        retention: { every: '100ms', grace: '0s' },
      },
      { features: ['destination-settings'] },
    )
    const store = await openObjectStore(place, { log: silentLog, credentials })
    const keeper = await startTestAgent(
      { state: join(folder.path, 'keeper'), coordinator: `127.0.0.1:${world.fleet.port}`, keeper: true },
      { openStore: async to => openObjectStore(to, { log: silentLog, credentials }) },
    )
    return {
      ...world,
      keys: async () => {
        const keys: string[] = []
        for await (const { key } of store.list('v1/')) keys.push(key)
        return keys
      },
      /** Makes one backup whose objects truly lie in the bucket. */
      backUp: async () => {
        const assign = await world.agent.next('assign', each => each.kind === JobKind.BACKUP)
        await world.agent.accept(assign)
        const success = successOf(assign, world.agent)
        const manifest = JSON.parse(success.manifest.toString())
        const data = manifest.streams[0].objects[0].key as string
        await store.put(objectKey(data), Buffer.alloc(40))
        await store.put(objectKey(success.manifestKey), success.manifest)
        const result = world.agent.result(success)
        await world.agent.next('ack', each => each.resultId === result.resultId)
        return { id: manifest.backup_id as BackupId, keys: [data, success.manifestKey] }
      },
      [Symbol.asyncDispose]: async () => {
        await keeper.stop()
        await world[Symbol.asyncDispose]()
        await store.close()
        await folder.remove()
      },
    }
  }

  test('the backup that nothing keeps is gone from the bucket, the newest one lies there as it did', async () => {
    await using world = await keepingOne(await s3.createBucket())
    const { fleet, backUp, keys } = world
    const [old, kept] = [await backUp(), await backUp()]
    await waitUntil(() => fleet.store.read.deletedBackup(old.id), { what: 'the old one to be gone' })
    expect((await keys()).sort()).toEqual([...kept.keys].sort())
    expect(await fleet.store.read.backup(kept.id)).toMatchObject({ id: kept.id })
  })

  test('a versioned bucket shows neither any more, and keeps old versions for its own rules to remove', async () => {
    const bucket = await s3.createLockedBucket()
    await using world = await keepingOne(bucket)
    const { fleet, backUp, keys } = world
    const [old, kept] = [await backUp(), await backUp()]
    await waitUntil(() => fleet.store.read.deletedBackup(old.id), { what: 'the old one to be gone' })
    expect((await keys()).sort()).toEqual([...kept.keys].sort())
    const { Versions = [] } = await s3.client().send(new ListObjectVersionsCommand({ Bucket: bucket }))
    for (const key of old.keys) expect(Versions.map(each => each.Key)).toContain(`fleet/${key}`)
  })

  test('while Object Lock keeps a backup nothing is tried: it is told as locked', async () => {
    const lock = { object_lock: { mode: 'governance', days: 3 } }
    await using world = await keepingOne(await s3.createLockedBucket(), lock)
    const { fleet, database, backUp } = world
    const [old] = [await backUp(), await backUp()]
    const seen = await waitUntil(() => fleet.coordinator.operations.brake(), { what: 'a look' })
    await waitUntil(() => (fleet.coordinator.operations.brake()?.at ?? 0) > seen.at, {
      what: 'another look',
    })
    const retained = await fleet.coordinator.operations.retained(database)
    expect(retained?.verdicts.get(old?.id ?? '')?.reasons.map(each => each.code)).toEqual(['locked'])
    expect((await fleet.store.read.leavingCounts()).size).toBe(0)
  })
})
