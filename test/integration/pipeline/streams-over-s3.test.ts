import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freeSpace } from '../../../agent/host/free-space.ts'
import { backupStream, PartBudget, type PartStore, restoreStream } from '../../../agent/pipeline/index.ts'
import { StagingArea, sendStaged } from '../../../agent/pipeline/staging/index.ts'
import { type Command, createToolFinder } from '../../../agent/process/index.ts'
import { newId } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { type ObjectStore, objectKey, openObjectStore } from '../../../shared/object-store/index.ts'
import { listed, opened } from '../../conformance/object-store.ts'
import {
  provisionTool,
  requireServers,
  type S3FaultProxy,
  startS3,
  startS3FaultProxy,
  type TemporaryFolder,
  temporaryFolder,
} from '../../harness/index.ts'

const servers = await requireServers('streams over S3', 's3', 'pv', 'zstd')
const mebibyte = 1024 * 1024

describe.skipIf(servers.missing)('streams over a real S3 server', () => {
  let proxy: S3FaultProxy
  let store: ObjectStore
  let folder: TemporaryFolder
  let tools: ReturnType<typeof createToolFinder>
  const budget = new PartBudget(64 * mebibyte)
  let next = 0

  beforeAll(async () => {
    const s3 = await startS3()
    proxy = await startS3FaultProxy(s3)
    folder = await temporaryFolder('streams')
    await provisionTool('pv')
    await provisionTool('zstd')
    tools = createToolFinder()
    store = openObjectStore(
      {
        url: `s3://${await s3.createBucket()}/p`,
        endpoint: proxy.endpoint,
        region: s3.region,
        profile: 'ceph',
      },
      { credentials: s3, retry: { attempts: 6, baseMs: 10, capMs: 100 } },
    )
  })
  afterEach(() => proxy?.clear())
  afterAll(async () => {
    await store?.close()
    await proxy?.stop()
    await folder?.remove()
  })

  const shell = (name: string, script: string): Command => ({
    name,
    program: '/bin/sh',
    args: ['-c', script],
  })

  async function backup(script: string, codec: 'zstd' | 'none' = 'none', into: PartStore = store) {
    const stem = `v1/data/stream-${next++}`
    return backupStream({
      name: '000-full',
      producer: shell('dump', script),
      codec,
      predictedBytes: 0,
      partSize: 5 * mebibyte,
      keyOf: index => objectKey(`${stem}/object-${index}`),
      store: into,
      tools,
      budget,
      signal: new AbortController().signal,
    })
  }

  it('staged on the way come up in the parts they were staged in, and what was tried again is counted', {
    timeout: 120_000,
  }, async () => {
    proxy.on({ operation: 'UploadPart' }, { kind: 'reply', status: 503, code: 'SlowDown' }, { times: 2 })
    const area = new StagingArea({
      folder: join(folder.path, 'staging'),
      reserveBytes: 0,
      log: silentLog,
      freeSpace,
    })
    const before = store.retries ?? 0
    const keyOf = (index: number) => objectKey(`v1/data/staged-${next}/object-${index}`)
    await using staging = await area.open(newId('attempt'), 0, store.capabilities)
    const staged = await backup('head -c 12000000 /dev/urandom', 'zstd', staging.uploads)
    expect(await opened(store, 'v1/data/')).toEqual([])
    const signal = new AbortController().signal
    const objects = await sendStaged({
      staged: staging.uploads,
      objects: staged.objects,
      store,
      keyOf,
      budget,
      signal,
    })
    expect(staging.uploads.capabilities).toEqual(store.capabilities)
    expect(objects.flatMap(({ parts }) => parts.map(({ sha256 }) => sha256))).toEqual(
      staged.objects.flatMap(({ parts }) => parts.map(({ sha256 }) => sha256)),
    )
    expect(store.retries).toBe(before + 2)
    const [object] = objects
    if (object === undefined) throw new Error('nothing was sent')
    await store.completeUpload(object, object.parts)
    expect((await store.head(object.key))?.size).toBe(staged.storedBytes)
    expect(budget.free).toBe(budget.total)
  })

  it('come back byte for byte through throttling, cut connections and lost replies', {
    timeout: 120_000,
  }, async () => {
    proxy.on({ operation: 'UploadPart' }, { kind: 'reply', status: 503, code: 'SlowDown' }, { times: 2 })
    proxy.on({ operation: 'UploadPart' }, { kind: 'reset-request', afterBytes: 1_000_000 }, { times: 2 })
    proxy.on({ operation: 'UploadPart' }, { kind: 'drop-reply' }, { times: 1 })
    proxy.on({ operation: 'CompleteMultipartUpload' }, { kind: 'drop-reply' }, { times: 1 })
    proxy.on({ operation: 'GetObject' }, { kind: 'reset-response', afterBytes: 700_000 }, { times: 2 })
    proxy.on({ operation: 'GetObject' }, { kind: 'corrupt-response', at: 400_000 }, { times: 1 })
    const outcome = await backup('seq 1 4000000')
    const objects = []
    for (const object of outcome.objects) {
      await store.completeUpload(object, object.parts)
      objects.push({ key: object.key, size: String(object.size), parts: [...object.parts] })
    }
    expect(objects[0]?.parts.length).toBeGreaterThan(4)
    const target = join(folder.path, 'target')
    await restoreStream({
      objects,
      codecs: ['none'],
      rawBytes: outcome.rawBytes,
      consumer: shell('psql', `exec cat > ${target}`),
      store,
      tools,
      signal: new AbortController().signal,
    })
    const expected = createHash('sha256')
    for (let n = 1; n <= 4_000_000; n += 10_000)
      expected.update(Array.from({ length: 10_000 }, (_, index) => `${n + index}\n`).join(''))
    expect(
      createHash('sha256')
        .update(await readFile(target))
        .digest('hex'),
    ).toBe(expected.digest('hex'))
  })

  it('of nothing are an object of one empty part', async () => {
    const outcome = await backup('true')
    for (const object of outcome.objects) await store.completeUpload(object, object.parts)
    expect((await store.head(objectKey(outcome.objects[0]?.key ?? '')))?.size).toBe(0)
  })

  it('that fail leave no upload and no object (P2, P4)', async () => {
    await expect(backup('seq 1 2000000; exit 1')).rejects.toMatchObject({ code: 'stage.failed' })
    const stem = `v1/data/stream-${next - 1}/`
    expect(await opened(store, stem)).toEqual([])
    expect(await listed(store, stem)).toEqual([])
  })

  it('end when the store stays away, after trying, and then say so', async () => {
    proxy.on({ operation: 'UploadPart' }, { kind: 'reply', status: 503, code: 'SlowDown' })
    await expect(backup('seq 1 2000000; sleep 600')).rejects.toMatchObject({
      code: 'object-store.throttled',
      context: { attempts: 6 },
    })
    expect(await opened(store, `v1/data/stream-${next - 1}/`)).toEqual([])
  })
})
