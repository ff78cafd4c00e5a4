import { randomBytes } from 'node:crypto'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Destination } from '../../../shared/model/destination.ts'
import {
  type ObjectStore,
  objectKey,
  openObjectStore,
  probeDestination,
} from '../../../shared/object-store/index.ts'
import { sha256, uploaded } from '../../conformance/object-store.ts'
import { requireServers, type S3Server, startS3 } from '../../harness/index.ts'

const servers = await requireServers('how a real S3 store keeps objects', 's3')
const mebibyte = 2 ** 20
const quick = { attempts: 3, baseMs: 20, capMs: 200 }

describe.skipIf(servers.missing)('Ceph', () => {
  let s3: S3Server
  let bucket: string
  let client: S3Client
  const stores: ObjectStore[] = []
  beforeAll(async () => {
    s3 = await startS3()
    bucket = await s3.createBucket()
    client = s3.client()
  })
  afterAll(() => Promise.all(stores.map(store => store.close())))

  function at(
    settings: Destination['settings'],
    where = bucket,
  ): Pick<Destination, 'url' | 'endpoint' | 'region' | 'profile' | 'settings'> {
    return {
      ...{ url: `s3://${where}/keeping`, endpoint: s3.endpoint, region: s3.region, profile: 'ceph' },
      ...(settings === undefined ? {} : { settings }),
    }
  }
  function open(settings: Destination['settings'], where = bucket): ObjectStore {
    const store = openObjectStore(at(settings, where), { credentials: s3, retry: quick })
    stores.push(store)
    return store
  }

  it.each(['sha256', 'crc32c'] as const)(
    'verifies each part’s %s, and tells one over the object that is ours',
    async checksum => {
      const store = open({ checksum })
      const upload = await store.createUpload(objectKey(`v1/${checksum}`))
      const bytes = randomBytes(5 * mebibyte + 1_000)
      const parts = await uploaded(store, upload, bytes, 5 * mebibyte)
      expect(await store.completeUpload(upload, parts)).toBe('checksum')
      expect(await store.completeUpload(upload, parts)).toBe('checksum')
    },
  )

  it('compares by size where no checksum was sent', async () => {
    const store = open({ checksum: 'none' })
    const upload = await store.createUpload(objectKey('v1/none'))
    expect(await store.completeUpload(upload, await uploaded(store, upload, randomBytes(10), 100))).toBe(
      'size',
    )
  })

  it('keeps tags and storage class as asked', async () => {
    const store = open({ storageClass: 'STANDARD', tags: [{ name: 'team', value: 'data + more' }] })
    const key = objectKey('v1/tagged')
    const upload = await store.createUpload(key)
    await store.completeUpload(upload, await uploaded(store, upload, randomBytes(10), 100))
    const place = { Bucket: bucket, Key: `keeping/${key}` }
    expect((await client.send(new GetObjectTaggingCommand(place))).TagSet).toEqual([
      { Key: 'team', Value: 'data + more' },
    ])
    expect((await client.send(new HeadObjectCommand(place))).StorageClass ?? 'STANDARD').toBe('STANDARD')
  })

  describe('with Object Lock', () => {
    let locked: string
    beforeAll(async () => {
      locked = `locked-${Date.now().toString(36)}`
      await client.send(new CreateBucketCommand({ Bucket: locked, ObjectLockEnabledForBucket: true }))
    })

    it('takes bodies and parts, and locks each object named until then, again without harm', async () => {
      const store = open({ objectLock: { mode: 'governance', days: 1 } }, locked)
      const keys = [objectKey('v1/data/x'), objectKey('v1/manifests/m.json')]
      const [data = objectKey('x'), manifest = objectKey('x')] = keys
      const upload = await store.createUpload(data)
      await store.completeUpload(upload, await uploaded(store, upload, randomBytes(1_000), 5_000))
      await store.put(manifest, Buffer.from('{}'), { ifAbsent: true })
      const until = Math.floor(Date.now() / 1_000) * 1_000 + 3_600_000
      await store.retain(keys, { mode: 'governance', until })
      await store.retain(keys, { mode: 'governance', until })
      for (const key of keys) {
        const place = { Bucket: locked, Key: `keeping/${key}` }
        const { Retention } = await client.send(new GetObjectRetentionCommand(place))
        expect(Retention?.Mode).toBe('GOVERNANCE')
        expect(Retention?.RetainUntilDate?.getTime()).toBe(until)
        const { VersionId } = await client.send(new HeadObjectCommand(place))
        await expect(client.send(new DeleteObjectCommand({ ...place, VersionId }))).rejects.toMatchObject({
          name: 'AccessDenied',
        })
      }
    })

    it('is refused by a bucket that was made without', async () => {
      const store = open({ objectLock: { mode: 'governance', days: 1 } })
      const key = objectKey('v1/unlocked')
      await store.put(key, Buffer.from('x'))
      await expect(
        store.retain([key], { mode: 'governance', until: Date.now() + 60_000 }),
      ).rejects.toMatchObject({ code: 'object-store.unsupported', message: 'the bucket has no Object Lock' })
    })

    it('is found by the probe', async () => {
      const probe = await probeDestination(at({ objectLock: { mode: 'governance', days: 1 } }, locked), {
        ...{ id: 'doc_lock', longestDumpMs: 1, keeper: true, signal: new AbortController().signal },
        ...{ credentials: s3, retry: quick },
      })
      expect(probe.findings).toContainEqual(expect.objectContaining({ check: 'object-lock', answer: 'yes' }))
      expect(probe.findings).toContainEqual(expect.objectContaining({ check: 'versioning', answer: 'yes' }))
      expect(probe.left).toEqual([])
    })
  })

  it('passes the probe under its profile, and generic is told the better one', async () => {
    await client.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket: bucket,
        LifecycleConfiguration: {
          Rules: [
            {
              ...{ ID: 'abort', Status: 'Enabled', Filter: { Prefix: '' } },
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
            },
          ],
        },
      }),
    )
    const options = {
      ...{ longestDumpMs: 86_400_000, keeper: true, signal: new AbortController().signal },
      ...{ credentials: s3, retry: quick },
    }
    const probe = await probeDestination(at(undefined), { ...options, id: 'doc_ceph' })
    expect(probe.findings.filter(({ level }) => level === 'problem' || level === 'warning')).toEqual([])
    expect(probe.suggestion).toBeUndefined()
    expect(probe.findings.find(({ check }) => check === 'multipart')?.detail).toContain(
      'its checksum is the one',
    )
    const generic = await probeDestination(
      { ...at(undefined), profile: 'generic' },
      { ...options, id: 'doc_generic' },
    )
    expect(generic.suggestion?.profile).toBe('ceph')
    const store = open(undefined)
    for await (const { key } of store.list('v1/doctor/')) throw new Error(`${key} was left behind`)
    for await (const { key } of store.listUploads('v1/doctor/')) throw new Error(`${key} was left open`)
  })

  it('refuses a part whose checksum is wrong, and says so', async () => {
    const store = open({ checksum: 'sha256' })
    const upload = await store.createUpload(objectKey('v1/wrong'))
    await expect(
      store.uploadPart(upload, 1, Buffer.from('sent'), sha256(Buffer.from('meant'))),
    ).rejects.toMatchObject({ code: 'object-store.corrupt' })
    await store.abortUpload(upload)
  })
})
