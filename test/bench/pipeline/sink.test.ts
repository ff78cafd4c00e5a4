import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SinkCounts } from '../../../bench/pipeline/sink/objects.ts'
import { sinkServer } from '../../../bench/pipeline/sink/sink-server.ts'
import {
  type ObjectStore,
  objectKey,
  openObjectStore,
  type PartReceipt,
} from '../../../shared/object-store/index.ts'

const server = sinkServer()
let endpoint = ''
let store: ObjectStore

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await fetch(`${endpoint}/bucket`, { method: 'PUT' })
  store = openObjectStore(
    { url: 's3://bucket/prefix', endpoint, profile: 'ceph' },
    {
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
      retry: { attempts: 1, baseMs: 1, capMs: 1 },
    },
  )
})

afterAll(async () => {
  await store.close()
  server.closeAllConnections()
  server.close()
})

const part = Buffer.alloc(5 << 20, 'x')
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const counts = async () => (await (await fetch(`${endpoint}/-/sink`)).json()) as SinkCounts

async function uploaded(name: string, bytes: readonly Buffer[]) {
  const upload = await store.createUpload(objectKey(name))
  const parts: PartReceipt[] = []
  for (const each of bytes) parts.push(await store.uploadPart(upload, parts.length + 1, each, sha256(each)))
  return { upload, parts }
}

describe('the sink speaks S3 as our own store does', () => {
  test('a receipt that is not the part’s, and a small part before the last, are refused', async () => {
    const { upload, parts } = await uploaded('v1/wrong', [part])
    await expect(
      store.completeUpload(
        upload,
        parts.map(each => ({ ...each, etag: '"0"' })),
      ),
    ).rejects.toThrow()
    const small = await uploaded('v1/small', [Buffer.from('little'), part])
    await expect(store.completeUpload(small.upload, small.parts)).rejects.toThrow()
    for (const each of [upload, small.upload]) await store.abortUpload(each)
    expect((await counts()).openUploads).toBe(0)
  })

  test('a bucket that nobody made is none', async () => {
    const other = openObjectStore(
      { url: 's3://nowhere', endpoint, profile: 'ceph' },
      {
        credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
        retry: { attempts: 1, baseMs: 1, capMs: 1 },
      },
    )
    await expect(other.check()).rejects.toThrow(/bucket/)
    await other.close()
  })

  test('parts are counted and dropped; their object has their size', async () => {
    const before = await counts()
    const { upload, parts } = await uploaded('v1/large', [part, part, Buffer.from('the rest')])
    await store.completeUpload(upload, parts)
    const size = 2 * part.length + 8
    expect(await store.head(objectKey('v1/large'))).toMatchObject({ size })
    const after = await counts()
    expect([after.parts - before.parts, after.bytes - before.bytes]).toEqual([3, size])
  })

  test('small objects are kept, listed, read back, written once, and deleted', async () => {
    const key = objectKey('v1/manifests/one.json')
    await store.put(key, Buffer.from('{"a":1}'), { ifAbsent: true })
    await store.put(key, Buffer.from('{"a":1}'), { ifAbsent: true })
    await expect(store.put(key, Buffer.from('{"a":2}'), { ifAbsent: true })).rejects.toThrow()
    const read: Uint8Array[] = []
    for await (const chunk of store.read(key, { start: 1, end: 6 })) read.push(chunk)
    expect(Buffer.concat(read).toString()).toBe('"a":1')
    const listed: string[] = []
    for await (const each of store.list('v1/manifests/')) listed.push(each.key)
    expect(listed).toEqual([key])
    await store.delete([key])
    expect(await store.head(key)).toBeUndefined()
  })
})
