import { readdir } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Destination } from '../../../shared/model/destination.ts'
import {
  type DestinationProbe,
  type ProbeCheck,
  probeDestination,
} from '../../../shared/object-store/index.ts'
import {
  type FakeS3,
  type FakeS3Traits,
  freePort,
  startFakeS3,
  temporaryFolder,
} from '../../harness/index.ts'

const day = 86_400_000

describe('the probe of a destination', () => {
  let fake: FakeS3
  beforeEach(async () => {
    fake = await startFakeS3()
  })
  afterEach(() => fake.stop())

  function probe(
    traits: FakeS3Traits = {},
    destination: Partial<Destination> = {},
    options: {
      readonly keeper?: boolean
      readonly longestDumpMs?: number
      readonly signal?: AbortSignal
    } = {},
  ): Promise<DestinationProbe> {
    fake.traits = traits
    return probeDestination(
      {
        url: 's3://bucket/team',
        endpoint: fake.endpoint,
        region: fake.region,
        profile: 'generic',
        ...destination,
      },
      {
        ...{
          id: 'doc_1',
          longestDumpMs: day,
          keeper: false,
          signal: new AbortController().signal,
          ...options,
        },
        ...{ credentials: fake, environment: {}, retry: { attempts: 2, baseMs: 1, capMs: 2 } },
      },
    )
  }
  const finding = (found: DestinationProbe, check: ProbeCheck) =>
    found.findings.find(each => each.check === check)
  const answers = (found: DestinationProbe) =>
    Object.fromEntries(found.findings.map(({ check, answer }) => [check, answer]))

  it('of a store that does everything has no problem, and leaves nothing', async () => {
    const found = await probe({ abortUploadsAfterDays: 7 }, { profile: 'ceph' })
    expect(found.findings.filter(({ level }) => level === 'problem' || level === 'warning')).toEqual([])
    expect(answers(found)).toMatchObject({
      ...{
        list: 'yes',
        put: 'yes',
        read: 'yes',
        'body-hash': 'yes',
        'conditional-put': 'yes',
        multipart: 'yes',
      },
      ...{ 'checksum-sha256': 'yes', 'checksum-crc32c': 'yes', 'checksum-crc64nvme': 'yes', checksum: 'yes' },
      ...{
        'multipart-checksum': 'yes',
        'part-numbers': 'yes',
        'list-uploads': 'yes',
        abort: 'yes',
        delete: 'yes',
      },
    })
    expect(fake.objects.size).toBe(0)
    expect(fake.uploads.size).toBe(0)
    expect(found.left).toEqual([])
    expect(Math.abs(found.clockOffsetMs ?? Number.NaN)).toBeLessThan(2_000)
    expect(found.suggestion).toBeUndefined()
  })

  it('stays below its own prefix', async () => {
    await probe()
    for (const { operation, key } of fake.requests)
      if (!['ListObjects', 'ListMultipartUploads', 'other'].includes(operation))
        expect(key).toMatch(/^team\/v1\/doctor\/doc_1\//)
  })

  it('says that a checksum is not verified when a wrong one is stored', async () => {
    const found = await probe({ checksums: 'ignored' }, { profile: 'aws' })
    expect(finding(found, 'checksum')).toMatchObject({
      answer: 'ignored',
      level: 'warning',
      detail: 'sha256 is sent, and not verified by the server',
    })
    expect(finding(found, 'multipart')?.detail).toContain('tells no checksum')
    expect(finding(found, 'multipart-checksum')).toMatchObject({ answer: 'ignored', level: 'warning' })
  })

  it('says that nothing at all is verified when even the signed hash is not looked at', async () => {
    const found = await probe({ checksums: 'ignored', ignoreBodyHash: true })
    expect(finding(found, 'body-hash')).toMatchObject({ answer: 'ignored', level: 'warning' })
    expect(finding(found, 'checksum')).toMatchObject({ level: 'warning' })
  })

  it.each([
    ['ignored', 'ignored'],
    ['not-implemented', 'no'],
  ] as const)(
    'finds a conditional put that is %s: a problem where the profile relies on it',
    async (trait, answer) => {
      const relied = await probe({ conditionalPut: trait }, { profile: 'minio' })
      expect(finding(relied, 'conditional-put')).toMatchObject({ answer, level: 'problem' })
      expect(relied.suggestion).toMatchObject({ profile: 'generic', checksum: 'sha256' })
      expect(finding(await probe({ conditionalPut: trait }), 'conditional-put')).toMatchObject({
        answer,
        level: 'note',
      })
    },
  )

  it('takes a 304 for a refusal, as MinIO gave it', async () => {
    const found = await probe({ conditionalPut: 'not-modified' }, { profile: 'minio' })
    expect(finding(found, 'conditional-put')).toMatchObject({ answer: 'yes', level: 'ok' })
  })

  it('suggests a checksum where a generic store verifies one, and none where headers are refused', async () => {
    expect((await probe()).suggestion).toMatchObject({ profile: 'generic', checksum: 'sha256' })
    const refused = await probe({ checksums: 'refused' }, { profile: 'aws' })
    expect(finding(refused, 'put')?.level).toBe('problem')
    expect((await probe({ checksums: 'refused' })).suggestion).toBeUndefined()
  })

  it('finds a store that takes fewer parts than its profile says', async () => {
    const found = await probe({ maxParts: 1_000 }, { profile: 'ceph' })
    expect(finding(found, 'part-numbers')).toMatchObject({ answer: 'no', level: 'problem' })
    expect(found.suggestion?.profile).toBe('generic')
    expect(finding(await probe({ maxParts: 1_000 }), 'part-numbers')?.detail).toContain('10000 is not')
  })

  it('calls a denied delete good for an agent and bad for a keeper, and names what is left', async () => {
    const agent = await probe({ deletes: 'denied' })
    expect(finding(agent, 'delete')).toMatchObject({ answer: 'denied', level: 'ok' })
    expect(agent.left.length).toBeGreaterThan(3)
    expect(agent.left).toEqual([...fake.objects.keys()].sort())
    const keeper = await probe({ deletes: 'denied' }, {}, { keeper: true })
    expect(finding(keeper, 'delete')).toMatchObject({ answer: 'denied', level: 'problem' })
    expect(finding(await probe(), 'delete')).toMatchObject({ answer: 'yes', level: 'note' })
  })

  it.each([
    ['no rule', {}, 'no', 'warning'],
    ['a rule shorter than the longest dump', { abortUploadsAfterDays: 1 }, 'yes', 'problem'],
    ['a rule that leaves time', { abortUploadsAfterDays: 7 }, 'yes', 'ok'],
  ] as const)('looks for what aborts lost uploads: %s', async (_, traits, answer, level) => {
    const found = await probe(traits, {}, { longestDumpMs: 2 * day })
    expect(finding(found, 'lifecycle')).toMatchObject({ answer, level })
  })

  it('leaves what it may not ask about the bucket unknown', async () => {
    const found = await probe({ bucketQuestions: 'denied' })
    for (const check of ['versioning', 'object-lock', 'lifecycle'] as const)
      expect(finding(found, check)).toMatchObject({ answer: 'unknown', level: 'note' })
  })

  it('finds settings that the bucket cannot keep', async () => {
    const found = await probe(
      {},
      {
        settings: {
          objectLock: { mode: 'compliance', days: 30 },
          checksum: 'sha256',
          bucketOwner: '123456789012',
        },
      },
    )
    expect(finding(found, 'object-lock')).toMatchObject({ answer: 'no', level: 'problem' })
    expect(finding(found, 'bucket-owner')).toMatchObject({ answer: 'ignored', level: 'warning' })
    const kept = await probe(
      { objectLock: true, versioning: 'Enabled' },
      {
        settings: {
          ...{ objectLock: { mode: 'compliance', days: 30 }, checksum: 'sha256', storageClass: 'COLDISH' },
          ...{ encryption: 'sse-s3', tags: [{ name: 'a', value: 'b' }] },
        },
      },
    )
    for (const check of ['object-lock', 'storage-class', 'encryption', 'tags'] as const)
      expect(finding(kept, check)).toMatchObject({ answer: 'yes', level: 'ok' })
  })

  it('finds uploads that are listed by their exact key only', async () => {
    const found = await probe({ listUploadsByKeyOnly: true }, { profile: 'minio' })
    expect(finding(found, 'list-uploads')).toMatchObject({ answer: 'no', level: 'warning' })
  })

  it('measures how far the clocks are apart', async () => {
    const found = await probe({ clockOffset: 600_000 })
    expect(finding(found, 'clock')).toMatchObject({
      level: 'warning',
      detail: expect.stringContaining('behind'),
    })
    expect(found.clockOffsetMs).toBeGreaterThan(590_000)
  })

  it('of a store that is not there is an answer too, and tries nothing else', async () => {
    const found = await probe({}, { endpoint: `http://127.0.0.1:${await freePort()}` })
    expect(found.findings).toMatchObject([{ check: 'list', answer: 'no', level: 'problem' }])
  })

  it('cut short by its signal still cleans up', async () => {
    const stop = new AbortController()
    const watch = setInterval(() => {
      if (fake.objects.size > 2) stop.abort(new Error('enough'))
    }, 1)
    await expect(probe({}, {}, { signal: stop.signal })).rejects.toMatchObject({ code: 'interrupted' })
    clearInterval(watch)
    expect(fake.objects.size).toBe(0)
    expect(fake.uploads.size).toBe(0)
  })

  it('of a directory tries the same, and leaves no file', async () => {
    await using folder = await temporaryFolder('probe')
    const found = await probeDestination(
      { url: `file://${folder.path}`, profile: 'directory' },
      { id: 'doc_1', longestDumpMs: day, keeper: false, signal: new AbortController().signal },
    )
    expect(answers(found)).toMatchObject({
      list: 'yes',
      put: 'yes',
      'conditional-put': 'yes',
      multipart: 'yes',
      delete: 'yes',
    })
    const files = (await readdir(folder.path, { recursive: true, withFileTypes: true })).filter(each =>
      each.isFile(),
    )
    expect(files.map(({ name }) => name)).toEqual([])
  })
})
