import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { DestinationProfile } from '../../../shared/model/destination.ts'
import {
  type ObjectStore,
  type OpenStoreOptions,
  objectKey,
  openObjectStore,
} from '../../../shared/object-store/index.ts'
import { bytesOf, listed, opened, sha256, uploaded } from '../../conformance/object-store.ts'
import {
  freePort,
  requireServers,
  type S3FaultProxy,
  type S3Server,
  startS3,
  startS3FaultProxy,
} from '../../harness/index.ts'

const servers = await requireServers('faults of an S3 store', 's3')
const quick = { attempts: 5, baseMs: 10, capMs: 100 }
const mebibyte = 1024 * 1024

describe.skipIf(servers.missing)('an S3 store', () => {
  let s3: S3Server
  let proxy: S3FaultProxy
  let bucket: string
  const stores: ObjectStore[] = []
  let next = 0
  const freshKey = () => objectKey(`v1/data/${next++}/object`)

  beforeAll(async () => {
    s3 = await startS3()
    proxy = await startS3FaultProxy(s3)
    bucket = await s3.createBucket()
  })
  afterEach(() => proxy?.clear())
  afterAll(async () => {
    for (const store of stores) await store.close()
    await proxy?.stop()
  })

  function open(
    options: OpenStoreOptions & {
      url?: string
      endpoint?: string
      region?: string
      profile?: DestinationProfile
    } = {},
  ): ObjectStore {
    const store = openObjectStore(
      {
        url: options.url ?? `s3://${bucket}`,
        endpoint: options.endpoint ?? proxy.endpoint,
        region: options.region ?? s3.region,
        profile: options.profile ?? 'ceph',
      },
      { credentials: s3, retry: quick, ...options },
    )
    stores.push(store)
    return store
  }

  describe('when a reply is lost', () => {
    it('counts the manifest it stored as its own (412 is read back)', async () => {
      const store = open()
      const key = freshKey()
      proxy.on({ operation: 'PutObject' }, { kind: 'drop-reply' }, { times: 1 })
      await store.put(key, Buffer.from('{"manifest":1}'), { ifAbsent: true })
      expect(proxy.count({ operation: 'PutObject', key: new RegExp(`${key}$`) })).toBe(2)
      expect((await bytesOf(store, key)).toString()).toBe('{"manifest":1}')
    })

    it('still refuses a manifest with other bytes', async () => {
      const store = open()
      const key = freshKey()
      await store.put(key, Buffer.from('theirs'))
      proxy.on({ operation: 'PutObject' }, { kind: 'drop-reply' }, { times: 1 })
      await expect(store.put(key, Buffer.from('ours'), { ifAbsent: true })).rejects.toMatchObject({
        code: 'object-store.exists',
      })
      expect((await bytesOf(store, key)).toString()).toBe('theirs')
    })

    it('completes an upload once, whatever the second Complete is told', async () => {
      const store = open()
      const key = freshKey()
      const upload = await store.createUpload(key)
      const bytes = randomBytes(1_000)
      const parts = await uploaded(store, upload, bytes, 5 * mebibyte)
      proxy.on({ operation: 'CompleteMultipartUpload' }, { kind: 'drop-reply' }, { times: 1 })
      await store.completeUpload(upload, parts)
      expect((await bytesOf(store, key)).equals(bytes)).toBe(true)
      expect(await opened(store, key)).toEqual([])
    })

    it('owns no upload that it does not know of', async () => {
      const store = open()
      const key = freshKey()
      proxy.on({ operation: 'CreateMultipartUpload' }, { kind: 'drop-reply' }, { times: 2 })
      const upload = await store.createUpload(key)
      expect(await opened(store, key)).toEqual([upload])
      await store.abortUpload(upload)
    })

    it('stores a part again', async () => {
      const store = open()
      const upload = await store.createUpload(freshKey())
      proxy.on({ operation: 'UploadPart' }, { kind: 'drop-reply' }, { times: 2 })
      const bytes = randomBytes(100)
      await store.completeUpload(upload, await uploaded(store, upload, bytes, 1_000))
      expect((await bytesOf(store, upload.key)).equals(bytes)).toBe(true)
    })
  })

  describe('tries again', () => {
    it.each([
      ['a throttled part', { kind: 'reply', status: 503, code: 'SlowDown' }],
      [
        'a throttled part with a time to wait',
        { kind: 'reply', status: 503, code: 'SlowDown', retryAfter: 1 },
      ],
      ['a body that is not taken any more', { kind: 'stall-request', afterBytes: 1_000_000 }],
      ['an internal error', { kind: 'reply', status: 500, code: 'InternalError' }],
      ['a request that is cut off', { kind: 'reset-request', afterBytes: 2_000_000 }],
      ['a reply that is cut off', { kind: 'reset-response', afterBytes: 20 }],
    ] as const)('%s', async (_, fault) => {
      const store = open({ idleMs: 1_000 })
      const upload = await store.createUpload(freshKey())
      proxy.on({ operation: 'UploadPart' }, fault, { times: 2 })
      const bytes = randomBytes(5 * mebibyte)
      await store.completeUpload(upload, await uploaded(store, upload, bytes, 5 * mebibyte))
      expect(sha256(await bytesOf(store, upload.key))).toBe(sha256(bytes))
    })

    it('a conditional put that met another one (409)', async () => {
      const store = open()
      proxy.on(
        { operation: 'PutObject' },
        { kind: 'reply', status: 409, code: 'ConditionalRequestConflict' },
        { times: 2 },
      )
      const key = freshKey()
      await store.put(key, Buffer.from('x'), { ifAbsent: true })
      expect((await bytesOf(store, key)).toString()).toBe('x')
    })

    it('a Complete that was answered 200 with an error inside, and never takes that for a success', async () => {
      const store = open()
      const upload = await store.createUpload(freshKey())
      const parts = await uploaded(store, upload, randomBytes(10), 100)
      proxy.on(
        { operation: 'CompleteMultipartUpload' },
        { kind: 'error-in-200', code: 'InternalError' },
        { times: 2 },
      )
      await store.completeUpload(upload, parts)
      expect((await store.head(upload.key))?.size).toBe(10)

      const another = await store.createUpload(freshKey())
      const again = await uploaded(store, another, randomBytes(10), 100)
      proxy.on({ operation: 'CompleteMultipartUpload' }, { kind: 'error-in-200', code: 'InternalError' })
      await expect(store.completeUpload(another, again)).rejects.toMatchObject({
        code: 'object-store.failed',
        context: { operation: 'complete-upload', s3_code: 'InternalError', attempts: 5 },
      })
      expect(await store.head(another.key)).toBeUndefined()
      await store.abortUpload(another)
    })

    it('a read that breaks off, from where it was', async () => {
      const store = open()
      const key = freshKey()
      const bytes = randomBytes(3 * mebibyte)
      await store.put(key, bytes)
      proxy.on({ operation: 'GetObject' }, { kind: 'reset-response', afterBytes: 1_000_000 }, { times: 2 })
      expect(sha256(await bytesOf(store, key))).toBe(sha256(bytes))
      proxy.on({ operation: 'GetObject' }, { kind: 'reset-response', afterBytes: 1_000_000 }, { times: 1 })
      expect(sha256(await bytesOf(store, key, { start: 7, end: 2_500_000 }))).toBe(
        sha256(bytes.subarray(7, 2_500_000)),
      )
    })

    it('only so often, and says how often', async () => {
      const store = open()
      proxy.on({ operation: 'PutObject' }, { kind: 'reply', status: 503, code: 'SlowDown' })
      await expect(store.put(freshKey(), Buffer.from('x'))).rejects.toMatchObject({
        code: 'object-store.throttled',
        context: { attempts: 5, status: 503, s3_code: 'SlowDown' },
      })
    })

    it('a body that stands still', async () => {
      const store = open({ idleMs: 300 })
      const key = freshKey()
      await store.put(key, randomBytes(100))
      const stuck = Promise.withResolvers<void>()
      proxy.on({ operation: 'GetObject' }, { kind: 'hold', until: stuck.promise }, { times: 1 })
      expect((await bytesOf(store, key)).length).toBe(100)
      stuck.resolve()
    })
  })

  describe('when a receipt changed on its way', () => {
    it('the parts are proven by their checksums, and the object is whole', async () => {
      const store = open()
      const upload = await store.createUpload(freshKey())
      proxy.on({ operation: 'UploadPart' }, { kind: 'wrong-etag' }, { times: 1 })
      const bytes = randomBytes(5 * mebibyte + 10)
      expect(await store.completeUpload(upload, await uploaded(store, upload, bytes, 5 * mebibyte))).toBe(
        'checksum',
      )
      expect(sha256(await bytesOf(store, upload.key))).toBe(sha256(bytes))
    })

    it('and nothing proves them, no object is made', async () => {
      const store = open({ profile: 'generic' })
      const upload = await store.createUpload(freshKey())
      proxy.on({ operation: 'UploadPart' }, { kind: 'wrong-etag' }, { times: 1 })
      const parts = await uploaded(store, upload, randomBytes(10), 100)
      await expect(store.completeUpload(upload, parts)).rejects.toMatchObject({
        code: 'object-store.corrupt',
        context: { s3_code: 'InvalidPart' },
      })
      expect(await store.head(upload.key)).toBeUndefined()
      await store.abortUpload(upload)
    })
  })

  it('a 304 to a conditional put, as MinIO gave it, is read back and decided', async () => {
    const store = open()
    const key = freshKey()
    await store.put(key, Buffer.from('ours'))
    proxy.on({ operation: 'PutObject' }, { kind: 'reply', status: 304 })
    await store.put(key, Buffer.from('ours'), { ifAbsent: true })
    await expect(store.put(key, Buffer.from('other'), { ifAbsent: true })).rejects.toMatchObject({
      code: 'object-store.exists',
    })
  })

  it('a token that expired is renewed, and the upload goes on', async () => {
    let asked = 0
    const store = open({
      credentials: async () => {
        asked++
        return {
          accessKeyId: s3.accessKeyId,
          secretAccessKey: s3.secretAccessKey,
          expiration: new Date(Date.now() + 86_400_000),
        }
      },
    })
    const upload = await store.createUpload(freshKey())
    proxy.on({ operation: 'UploadPart' }, { kind: 'reply', status: 400, code: 'ExpiredToken' }, { times: 2 })
    const bytes = randomBytes(100)
    await store.completeUpload(upload, await uploaded(store, upload, bytes, 1_000))
    expect(asked).toBe(3)
  })

  it('a reply that stands still half-way is read on from there', async () => {
    const store = open({ idleMs: 500 })
    const key = freshKey()
    const bytes = randomBytes(2 * mebibyte)
    await store.put(key, bytes)
    proxy.on({ operation: 'GetObject' }, { kind: 'stall-response', afterBytes: 700_000 }, { times: 1 })
    expect(sha256(await bytesOf(store, key))).toBe(sha256(bytes))
  })

  describe('says clearly', () => {
    it('that the bucket does not exist', async () => {
      await expect(open({ url: 's3://no-such-bucket-here' }).check()).rejects.toMatchObject({
        code: 'object-store.bucket-missing',
        context: { bucket: 'no-such-bucket-here', status: 404, operation: 'check' },
      })
    })

    it('that the secret is wrong, or the key id unknown, without telling either', async () => {
      const wrong = await open({
        credentials: { ...s3, accessKeyId: s3.accessKeyId, secretAccessKey: 'hunter2' },
      })
        .check()
        .catch(thrown => thrown)
      expect(wrong).toMatchObject({
        code: 'object-store.denied',
        message: 'the object store refused the signature: the secret access key is wrong',
      })
      expect(JSON.stringify(wrong.toFailure())).not.toContain('hunter2')
      await expect(
        open({ credentials: { accessKeyId: 'nobody', secretAccessKey: 'hunter2' } }).check(),
      ).rejects.toMatchObject({
        code: 'object-store.denied',
        message: 'the object store does not know the access key id',
      })
    })

    it('that access is denied, naming operation, bucket and key, without trying again', async () => {
      const store = open()
      proxy.on({ operation: 'UploadPart' }, { kind: 'reply', status: 403, code: 'AccessDenied' })
      const upload = await store.createUpload(freshKey())
      const before = proxy.count({ operation: 'UploadPart' })
      await expect(
        store.uploadPart(upload, 1, Buffer.from('x'), sha256(Buffer.from('x'))),
      ).rejects.toMatchObject({
        code: 'object-store.denied',
        context: { operation: 'upload-part', bucket, key: upload.key, status: 403 },
      })
      expect(proxy.count({ operation: 'UploadPart' }) - before).toBe(1)
      proxy.clear()
      await store.abortUpload(upload)
    })

    it('that nobody answers, after a short while', async () => {
      const store = open({ endpoint: `http://127.0.0.1:${await freePort()}` })
      await expect(store.check()).rejects.toMatchObject({
        code: 'object-store.unreachable',
        context: { network: 'ECONNREFUSED' },
      })
    })

    it('which region is the right one', async () => {
      const store = open()
      const message =
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-3'"
      proxy.on(
        { operation: 'ListObjects' },
        { kind: 'reply', status: 400, code: 'AuthorizationHeaderMalformed', message },
      )
      await expect(store.check()).rejects.toMatchObject({
        code: 'object-store.wrong-region',
        message: 'the bucket is in region eu-west-3',
        context: { region: 'eu-west-3' },
      })
    })
  })

  it('signs a part with the hash it was given, so that changed bytes are refused, also without checksums', async () => {
    const store = open({ profile: 'generic' })
    const upload = await store.createUpload(freshKey())
    await expect(
      store.uploadPart(upload, 1, Buffer.from('changed'), sha256(Buffer.from('meant'))),
    ).rejects.toMatchObject({ code: 'object-store.corrupt' })
    await store.abortUpload(upload)
  })

  it('takes endpoint, region and credentials from the usual environment variables', async () => {
    const saved = { ...process.env }
    Object.assign(process.env, s3.environment)
    try {
      const store = openObjectStore({ url: `s3://${bucket}/from-environment`, profile: 'generic' })
      stores.push(store)
      await store.check()
      await store.put(objectKey('v1/x'), Buffer.from('x'))
      expect(await listed(store, 'v1/')).toEqual(['v1/x'])
      expect(await listed(open(), 'from-environment/')).toEqual(['from-environment/v1/x'])
    } finally {
      process.env = saved
    }
  })

  it('lists and deletes more than one page', { timeout: 120_000 }, async () => {
    const store = open({ endpoint: s3.endpoint })
    const keys = Array.from({ length: 1_050 }, (_, n) => objectKey(`v1/pages/${String(n).padStart(5, '0')}`))
    const pending = [...keys]
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let key = pending.pop(); key !== undefined; key = pending.pop())
          await store.put(key, Buffer.from('x'))
      }),
    )
    expect(await listed(store, 'v1/pages/')).toEqual(keys)
    await store.delete(keys)
    expect(await listed(store, 'v1/pages/')).toEqual([])
  })
})
