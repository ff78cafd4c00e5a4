import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PartBudget } from '../../../agent/pipeline/index.ts'
import { ObjectWriter } from '../../../agent/pipeline/upload/object-writer.ts'
import type { ChecksumMode, Destination } from '../../../shared/model/destination.ts'
import {
  type ObjectStore,
  type OpenStoreOptions,
  objectKey,
  openObjectStore,
} from '../../../shared/object-store/index.ts'
import { bytesOf, sha256, uploaded } from '../../conformance/object-store.ts'
import { type FakeS3, startFakeS3, startS3FaultProxy } from '../../harness/index.ts'

const key = objectKey('v1/data/x~0/object')
const quick = { attempts: 4, baseMs: 1, capMs: 5 }

describe('kinds of S3 stores', () => {
  let fake: FakeS3
  let store: ObjectStore | undefined
  beforeEach(async () => {
    fake = await startFakeS3()
  })
  afterEach(async () => {
    await store?.close()
    await fake.stop()
  })

  function open(
    destination: Partial<Destination> = {},
    options: OpenStoreOptions & { readonly endpoint?: string } = {},
  ): ObjectStore {
    store = openObjectStore(
      {
        url: 's3://bucket/p',
        endpoint: options.endpoint ?? fake.endpoint,
        region: fake.region,
        profile: 'aws',
        ...destination,
      },
      { credentials: fake, retry: quick, environment: {}, ...options },
    )
    return store
  }
  const sent = (operation: string) =>
    fake.requests.filter(request => request.operation === operation).map(({ headers }) => headers)

  describe('what a destination asks for', () => {
    it('goes with every object: encryption, key, tags, owner; the storage class with data only', async () => {
      const it = open({
        settings: {
          ...{
            storageClass: 'STANDARD_IA',
            encryption: 'sse-kms',
            kmsKeyId: 'alias/k',
            bucketOwner: '123456789012',
          },
          tags: [{ name: 'team', value: 'data & more'.replace('&', '+') }],
        },
      })
      const upload = await it.createUpload(key)
      await it.completeUpload(upload, await uploaded(it, upload, randomBytes(10), 100))
      await it.put(objectKey('v1/manifests/m.json'), Buffer.from('{}'))
      const common = {
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'alias/k',
        'x-amz-tagging': 'team=data%20%2B%20more',
        'x-amz-expected-bucket-owner': '123456789012',
      }
      expect(sent('CreateMultipartUpload')[0]).toMatchObject({
        ...common,
        'x-amz-storage-class': 'STANDARD_IA',
      })
      expect(sent('PutObject')[0]).toMatchObject(common)
      expect(sent('PutObject')[0]).not.toHaveProperty('x-amz-storage-class')
      for (const { headers } of fake.requests)
        expect(headers['x-amz-expected-bucket-owner']).toBe('123456789012')
    })

    it('is nothing where nothing is asked', async () => {
      const it = open()
      await it.put(key, Buffer.from('x'))
      const names = Object.keys(sent('PutObject')[0] ?? {}).filter(name => name.startsWith('x-amz-'))
      expect(names.sort()).toEqual([
        ...['x-amz-checksum-sha256', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-sdk-checksum-algorithm'],
        'x-amz-user-agent',
      ])
    })
  })

  describe('checksums', () => {
    it.each(['sha256', 'crc32c', 'crc64nvme'] as const)(
      '%s goes with every body and is compared after the Complete',
      async checksum => {
        const it = open({ settings: { checksum } })
        const upload = await it.createUpload(key)
        const parts = await uploaded(it, upload, randomBytes(250), 100)
        expect(await it.completeUpload(upload, parts)).toBe('checksum')
        await it.put(objectKey('v1/small'), randomBytes(9))
        for (const headers of [...sent('UploadPart'), ...sent('PutObject')])
          expect(headers[`x-amz-checksum-${checksum}`]).toMatch(/=$/)
      },
    )

    it('claims no more than was looked at: a store that tells none was compared by size', async () => {
      fake.traits = { checksums: 'ignored' }
      const it = open()
      const upload = await it.createUpload(key)
      expect(await it.completeUpload(upload, await uploaded(it, upload, randomBytes(250), 100))).toBe('size')
    })

    it('B2 gets no such header at all, and Content-MD5 under Object Lock', async () => {
      fake.traits = { checksums: 'refused', objectLock: true }
      const it = open({ profile: 'b2', settings: { objectLock: { mode: 'compliance', days: 3 } } })
      const upload = await it.createUpload(key)
      expect(await it.completeUpload(upload, await uploaded(it, upload, randomBytes(250), 100))).toBe('size')
      await it.put(objectKey('v1/small'), Buffer.from('x'))
      await it.retain([key], { mode: 'compliance', until: Date.UTC(2030, 0, 1) })
      for (const headers of [...sent('UploadPart'), ...sent('PutObject')])
        expect(headers['content-md5']).toMatch(/==$/)
      expect(fake.retained.get(`p/${key}`)).toContain('<Mode>COMPLIANCE</Mode>')
    })

    it('another object of the same size under the key of an upload that is gone is not taken for ours', async () => {
      const it = open()
      const upload = await it.createUpload(key)
      const parts = await uploaded(it, upload, randomBytes(250), 100)
      await it.completeUpload(upload, parts)
      expect(await it.completeUpload(upload, parts)).toBe('checksum')
      const other = await it.createUpload(key)
      await it.completeUpload(other, await uploaded(it, other, randomBytes(250), 100))
      await expect(it.completeUpload(upload, parts)).rejects.toMatchObject({
        code: 'object-store.upload-gone',
      })
    })
  })

  describe('Object Lock', () => {
    it('is set on every object named, with the bucket’s mode and instant', async () => {
      fake.traits = { objectLock: true }
      const it = open()
      const keys = ['a', 'b', 'c'].map(name => objectKey(`v1/${name}`))
      for (const each of keys) await it.put(each, Buffer.from('x'))
      await it.retain(keys, { mode: 'governance', until: Date.UTC(2031, 4, 5, 6, 7, 8) })
      expect(fake.retained.size).toBe(3)
      expect(fake.retained.get('p/v1/b')).toContain('2031-05-05T06:07:08')
    })

    it('is refused clearly by a bucket without it, and by a kind of store without it', async () => {
      const it = open()
      await it.put(key, Buffer.from('x'))
      const retention = { mode: 'governance', until: Date.UTC(2031, 0, 1) } as const
      await expect(it.retain([key], retention)).rejects.toMatchObject({
        code: 'object-store.unsupported',
        message: 'the bucket has no Object Lock',
      })
      await expect(open({ profile: 'r2' }).retain([key], retention)).rejects.toMatchObject({
        code: 'object-store.unsupported',
      })
    })
  })

  describe('a conditional put', () => {
    it('answered 304, as MinIO did, is read back', async () => {
      fake.traits = { conditionalPut: 'not-modified' }
      const it = open({ profile: 'minio' })
      await it.put(key, Buffer.from('ours'), { ifAbsent: true })
      await it.put(key, Buffer.from('ours'), { ifAbsent: true })
      await expect(it.put(key, Buffer.from('other'), { ifAbsent: true })).rejects.toMatchObject({
        code: 'object-store.exists',
      })
      expect((await bytesOf(it, key)).toString()).toBe('ours')
    })

    it('that the store does not know fails at once, and says so', async () => {
      fake.traits = { conditionalPut: 'not-implemented' }
      await expect(open().put(key, Buffer.from('x'), { ifAbsent: true })).rejects.toMatchObject({
        code: 'object-store.unsupported',
      })
      expect(sent('PutObject')).toHaveLength(1)
    })
  })

  describe('credentials', () => {
    it('that expire in the middle of an upload are asked for again, however long they said they last', async () => {
      let valid = 1
      fake.traits = { sessionToken: () => `token-${valid}` }
      let asked = 0
      const it = open(
        {},
        {
          credentials: async () => {
            asked++
            return { ...fake, sessionToken: `token-${valid}`, expiration: new Date(Date.now() + 86_400_000) }
          },
        },
      )
      const upload = await it.createUpload(key)
      const parts = []
      for (let n = 1; n <= 3; n++) {
        const bytes = randomBytes(100)
        parts.push(await it.uploadPart(upload, n, bytes, sha256(bytes)))
        valid++
      }
      await it.completeUpload(upload, parts)
      expect(asked).toBe(4)
    })

    it('that are fixed and have expired fail at once', async () => {
      fake.traits = { sessionToken: () => 'another' }
      await expect(open().put(key, Buffer.from('x'))).rejects.toMatchObject({
        code: 'object-store.denied',
        message: 'the session token has expired',
      })
      expect(sent('PutObject')).toHaveLength(1)
    })

    it('that cannot be had for a moment, after they could, are waited for', async () => {
      let troubled = 0
      const it = open(
        {},
        {
          credentials: async () => {
            if (troubled-- > 0)
              throw Object.assign(new Error('metadata service is busy'), { name: 'CredentialsProviderError' })
            return { ...fake, expiration: new Date(Date.now() - 1) }
          },
        },
      )
      await it.put(key, Buffer.from('x'))
      troubled = 2
      await it.put(key, Buffer.from('y'))
      expect((await bytesOf(it, key)).toString()).toBe('y')
    })
  })

  describe('receipts', () => {
    it('that changed on their way are put right from the store’s own, where a checksum proves the parts', async () => {
      await using proxy = await startS3FaultProxy(fake)
      const it = open({}, { endpoint: proxy.endpoint })
      const upload = await it.createUpload(key)
      proxy.on({ operation: 'UploadPart', query: { partNumber: '2' } }, { kind: 'wrong-etag' }, { times: 1 })
      const bytes = randomBytes(250)
      expect(await it.completeUpload(upload, await uploaded(it, upload, bytes, 100))).toBe('checksum')
      expect((await bytesOf(it, key)).equals(bytes)).toBe(true)
    })

    it.each([
      ['without a checksum', 'generic'],
      ['when the store tells none', 'aws'],
    ] as const)('that changed on their way end the attempt %s: nothing is proven', async (_, profile) => {
      if (profile === 'aws') fake.traits = { checksums: 'ignored' }
      await using proxy = await startS3FaultProxy(fake)
      const it = open({ profile }, { endpoint: proxy.endpoint })
      const upload = await it.createUpload(key)
      proxy.on({ operation: 'UploadPart' }, { kind: 'wrong-etag' }, { times: 1 })
      const parts = await uploaded(it, upload, randomBytes(250), 100)
      await expect(it.completeUpload(upload, parts)).rejects.toMatchObject({
        code: 'object-store.corrupt',
        context: { s3_code: 'InvalidPart' },
      })
      expect(await it.head(key)).toBeUndefined()
    })

    it('an empty one is none', async () => {
      await using proxy = await startS3FaultProxy(fake)
      const it = open({}, { endpoint: proxy.endpoint })
      const upload = await it.createUpload(key)
      proxy.on({ operation: 'UploadPart' }, { kind: 'wrong-etag', etag: '""' })
      await expect(uploaded(it, upload, randomBytes(9), 100)).rejects.toMatchObject({
        code: 'object-store.failed',
      })
    })
  })

  it('a clock that is wrong is told with the offset', async () => {
    await using proxy = await startS3FaultProxy(fake)
    const it = open({}, { endpoint: proxy.endpoint })
    const hourBehind = new Date(Date.now() + 3_600_000).toUTCString()
    proxy.on(
      { operation: 'ListObjects' },
      { kind: 'reply', status: 403, code: 'RequestTimeTooSkewed', headers: { date: hourBehind } },
    )
    const error = await it.check().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'object-store.denied' })
    expect((error as Error).message).toMatch(
      /^the clock of this host is (1h|59m\d*s?).* behind the object store’s$/,
    )
    expect((error as { context: { clock_offset_ms: number } }).context.clock_offset_ms).toBeGreaterThan(
      3_500_000,
    )
  })

  it.each([
    ['a body that is not taken', { operation: 'UploadPart' }, { kind: 'stall-request', afterBytes: 1 }],
    ['a reply that never comes', { operation: 'UploadPart' }, { kind: 'hold', until: new Promise(() => {}) }],
  ] as const)('%s is given up after the idle time, and sent again', async (_, matcher, fault) => {
    await using proxy = await startS3FaultProxy(fake)
    const it = open({}, { endpoint: proxy.endpoint, idleMs: 1_500 })
    const upload = await it.createUpload(key)
    proxy.on(matcher, fault, { times: 1 })
    const bytes = randomBytes(4_000_000)
    await it.completeUpload(upload, await uploaded(it, upload, bytes, bytes.length))
    expect(proxy.count({ operation: 'UploadPart' })).toBeGreaterThanOrEqual(2)
  })

  it('a body that stands still half-way is read on from there', async () => {
    await using proxy = await startS3FaultProxy(fake)
    const it = open({}, { endpoint: proxy.endpoint, idleMs: 1_500 })
    const bytes = randomBytes(1_000_000)
    await it.put(key, bytes)
    proxy.on({ operation: 'GetObject' }, { kind: 'stall-response', afterBytes: 400_000 }, { times: 1 })
    expect((await bytesOf(it, key)).equals(bytes)).toBe(true)
    expect(proxy.count({ operation: 'GetObject' })).toBeGreaterThanOrEqual(2)
  })

  describe('several parts on their way, through whatever happens to them', () => {
    const partSize = 5 << 20
    const bytes = randomBytes(partSize * 6 + 7)
    const writing = (it: ReturnType<typeof open>, failures: unknown[]) => {
      const budget = new PartBudget(partSize * 6)
      const writer = new ObjectWriter({
        store: it,
        keyOf: index => objectKey(`v1/data/many.${index}`),
        ...{ partSize, budget, signal: new AbortController().signal },
        onFailure: thrown => failures.push(thrown),
      })
      const written = async () => {
        await writer.open()
        for (let at = 0; at < bytes.length; at += 1_000_003)
          await writer.write(bytes.subarray(at, at + 1_000_003))
        return writer.finish()
      }
      return { budget, writer, written }
    }

    it('come in order and whole, all but the last of one size, through 503, resets and lost replies', async () => {
      await using proxy = await startS3FaultProxy(fake)
      fake.traits = { equalParts: true }
      const it = open({}, { endpoint: proxy.endpoint })
      const together = Promise.withResolvers<void>()
      proxy.on({ operation: 'UploadPart' }, { kind: 'hold', until: together.promise }, { times: 2 })
      proxy.on({ operation: 'UploadPart' }, { kind: 'reply', status: 503, code: 'SlowDown' }, { times: 1 })
      proxy.on({ operation: 'UploadPart' }, { kind: 'reset-request', afterBytes: 1_000_000 }, { times: 1 })
      proxy.on({ operation: 'UploadPart' }, { kind: 'drop-reply' }, { times: 1 })
      const failures: unknown[] = []
      const { writer, budget, written } = writing(it, failures)
      const running = written()
      // the first two stand still, and others go on all the same
      await expect.poll(() => proxy.count({ operation: 'UploadPart' })).toBeGreaterThan(4)
      together.resolve()
      const objects = await running
      writer.close()
      expect(failures).toEqual([])
      expect(budget.free).toBe(budget.total)
      for (const object of objects) await it.completeUpload(object, object.parts)
      const stored: Buffer[] = []
      for (const { key: part } of objects) stored.push(await bytesOf(it, part))
      expect(sha256(Buffer.concat(stored))).toBe(sha256(bytes))
    })

    it('are all ended before the upload is aborted: nothing is left open, nothing arrives behind it', async () => {
      await using proxy = await startS3FaultProxy(fake)
      const it = open({}, { endpoint: proxy.endpoint })
      proxy.on({ operation: 'UploadPart' }, { kind: 'hold', until: new Promise(() => {}) }, { times: 2 })
      proxy.on({ operation: 'UploadPart' }, { kind: 'reply', status: 403, code: 'AccessDenied' })
      const failures: unknown[] = []
      const { writer, budget, written } = writing(it, failures)
      await expect(written()).rejects.toMatchObject({ code: 'object-store.denied' })
      expect(await writer.abort(AbortSignal.timeout(10_000))).toEqual([])
      writer.close()
      expect(budget.free).toBe(budget.total)
      for await (const left of it.listUploads('')) expect(left).toBeUndefined()
      const order = proxy.requests.map(({ operation }) => operation)
      expect(order).toContain('AbortMultipartUpload')
      expect(order.slice(order.indexOf('AbortMultipartUpload'))).not.toContain('UploadPart')
    })
  })

  describe('a stream of more parts than one object takes', () => {
    it.each([
      ['aws', 10_000, 'none', 16],
      ['scaleway', 1_000, 'sha256', 64],
    ] as const)(
      'rolls to further objects on %s (%i parts each), all parts equal, no byte lost',
      async (profile, maxParts, checksum, partSize) => {
        fake.traits = { maxParts, equalParts: true }
        const it = open({ profile, settings: { checksum: checksum as ChecksumMode } })
        const signal = new AbortController().signal
        const failures: unknown[] = []
        const writer = new ObjectWriter({
          store: it,
          keyOf: index => objectKey(`v1/data/big.${String(index).padStart(4, '0')}`),
          ...{ partSize, signal },
          onFailure: thrown => failures.push(thrown),
        })
        await writer.open()
        const total = partSize * (maxParts + 50) + 7
        const whole = createHash('sha256')
        for (let left = total; left > 0; ) {
          const chunk = randomBytes(Math.min(left, 10_007))
          whole.update(chunk)
          await writer.write(chunk)
          left -= chunk.length
        }
        const objects = await writer.finish()
        expect(failures).toEqual([])
        expect(objects.map(({ parts }) => parts.length)).toEqual([maxParts, 51])
        for (const object of objects) await it.completeUpload(object, object.parts)
        const read = createHash('sha256')
        for (const { key: part } of objects) for await (const chunk of it.read(part)) read.update(chunk)
        expect(read.digest('hex')).toBe(whole.digest('hex'))
      },
      300_000,
    )
  })
})
