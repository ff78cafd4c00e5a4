import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recipeFor } from '../../../agent/jobs/recipe-for.ts'
import type { AttemptResult } from '../../../agent/jobs/result.ts'
import type { Surroundings } from '../../../agent/jobs/surroundings.ts'
import { AppError } from '../../../shared/errors/index.ts'
import type { Destination } from '../../../shared/model/destination.ts'
import { type ObjectStore, openObjectStore } from '../../../shared/object-store/index.ts'
import { destinationToWire } from '../../../shared/wire/destination.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { copyOf, done } from '../../agent/jobs/copies-world.ts'
import { fakeEngine } from '../../agent/jobs/fake-engine.ts'
import { backupSpec, makeWorld, newAttempt } from '../../agent/jobs/world.ts'
import {
  requireServers,
  type S3Server,
  startS3,
  type TemporaryFolder,
  temporaryFolder,
} from '../../harness/index.ts'

const servers = await requireServers('copies between buckets', 's3', 'pv')

describe.skipIf(servers.missing)('copies between two buckets of one S3 service', () => {
  let s3: S3Server
  let folder: TemporaryFolder
  let one: Destination
  let two: Destination

  beforeAll(async () => {
    s3 = await startS3()
    folder = await temporaryFolder('s3-copies')
    await mkdir(join(folder.path, 'state'))
    const at = async (name: string, prefix: string): Promise<Destination> => ({
      name,
      url: `s3://${await s3.createBucket()}${prefix}`,
      endpoint: s3.endpoint,
      region: s3.region,
      profile: 'ceph',
    })
    one = await at('one', '/prod')
    two = await at('two', '/elsewhere/prod')
  })
  afterAll(() => folder?.[Symbol.asyncDispose]())

  const store = (destination: Destination): ObjectStore =>
    openObjectStore(destination, { credentials: s3, retry: { attempts: 4, baseMs: 20, capMs: 200 } })

  /** Methods of the second destination's store that throw. */
  async function world(without: readonly (keyof ObjectStore)[] = []): Promise<Surroundings> {
    return makeWorld(
      { state: join(folder.path, 'state'), bucket: '' },
      {
        // more than one part
        engine: fakeEngine({ streams: ['head -c 20000000 /dev/urandom', 'seq 1 1000'] }),
        openStore: async destination => {
          const opened = store(destination)
          if (destination.name !== 'two' || without.length === 0) return opened
          return new Proxy(opened, {
            get: (target, name) => {
              if (without.some(each => each === name))
                return async () => {
                  throw new AppError('object-store.denied', { context: { method: String(name) } })
                }
              const value = Reflect.get(target, name, target) as unknown
              return typeof value === 'function' ? value.bind(target) : value
            },
          })
        },
      },
    )
  }

  async function hashes(destination: Destination): Promise<Readonly<Record<string, string>>> {
    const opened = store(destination)
    const found: Record<string, string> = {}
    for await (const { key } of opened.list('')) {
      const hash = createHash('sha256')
      for await (const chunk of opened.read(key)) hash.update(chunk)
      found[key] = hash.digest('hex')
    }
    for await (const { key } of opened.listUploads('')) found[key] = 'open'
    await opened.close()
    return found
  }

  function backup(attempt = newAttempt()) {
    return {
      attempt,
      kind: JobKind.BACKUP,
      spec: {
        $case: 'backup' as const,
        value: backupSpec('', {
          destination: destinationToWire(one),
          destinations: [destinationToWire(two)],
        }),
      },
    }
  }

  function copy(result: AttemptResult) {
    const sha256 = createHash('sha256')
      .update(Buffer.from(result.manifest ?? '', 'base64'))
      .digest('hex')
    const assign = copyOf(folder.path, result, sha256)
    if (assign.spec?.$case !== 'copy') throw new Error('no copy')
    const places = { sources: [destinationToWire(one)], target: destinationToWire(two) }
    return { ...assign, spec: { ...assign.spec, value: { ...assign.spec.value, ...places } } }
  }

  it('a recipe for a copy is known', async () => {
    expect(
      recipeFor(copy({ manifest_key: 'v1/x' } as AttemptResult), newAttempt(), 0, await world()).kind,
    ).toBe('copy')
  })

  it('a missing copy is made by the service: no byte passes through the agent; where it will not, each part does', async () => {
    const result = await done(await world(['createUpload']), backup())
    if (result === undefined) throw new Error('no result')
    expect(result).toMatchObject({
      outcome: 'succeeded',
      copies: [{ state: 'present' }, { state: 'missing' }],
    })
    const original = await hashes(one)
    expect(Object.keys(original)).toHaveLength(3)
    expect(await hashes(two)).toEqual({})

    const made = await done(await world(['uploadPart']), copy(result))
    expect(made).toMatchObject({ outcome: 'succeeded', copies: [{ destination: 'two', state: 'present' }] })
    expect(await hashes(two)).toEqual(original)

    const wiped = store(two)
    await wiped.delete(Object.keys(original) as never)
    await wiped.close()
    const streamed = await done(await world(['copyObject']), copy(result))
    expect(streamed).toMatchObject({ outcome: 'succeeded', stored_bytes: result.stored_bytes })
    expect(await hashes(two)).toEqual(original)
  })

  it('an object is copied whole by the service, below other prefixes, in parts; one that is away leaves nothing open', async () => {
    const from = store(one)
    const to = store(two)
    const key = 'v1/data/a~0/b~1/object' as Parameters<ObjectStore['head']>[0]
    const parts = [5 * 1024 * 1024, 5 * 1024 * 1024, 17].map((size, index) => Buffer.alloc(size, index + 1))
    const upload = await from.createUpload(key)
    const receipts = []
    for (const [index, bytes] of parts.entries()) {
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      receipts.push(await from.uploadPart(upload, index + 1, bytes, sha256))
    }
    await from.completeUpload(upload, receipts)
    const source = from.copySource?.(key)
    if (source === undefined || to.copyObject === undefined) throw new Error('no server-side copy')
    expect(source.service).toBe(to.copySource?.(key).service)
    const sizes = parts.map(each => each.length)
    await to.copyObject(key, source, sizes)
    const chunks: Uint8Array[] = []
    for await (const chunk of to.read(key)) chunks.push(chunk)
    expect(Buffer.concat(chunks).equals(Buffer.concat(parts))).toBe(true)

    await expect(to.copyObject(key, { ...source, key: `${source.key}-away` }, sizes)).rejects.toMatchObject({
      code: 'object-store.not-found',
    })
    for await (const { key: open } of to.listUploads('v1/data/a~0/')) expect(open).toBe('none')
    await from.close()
    await to.close()
  })
})
