import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { noEncryption } from '../../../agent/encryption/index.ts'
import type { ThrowawayServers } from '../../../agent/engines/port.ts'
import type { Surroundings } from '../../../agent/jobs/surroundings.ts'
import { verifyServers } from '../../../agent/jobs/verify-servers.ts'
import { ownRecord } from '../../../agent/process/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import type { Manifest } from '../../../shared/model/manifest.ts'
import type { BackupSpec, VerifySpec } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { requireServers, type TemporaryFolder, temporaryFolder } from '../../harness/index.ts'
import { readManifestStrictly } from '../../harness/manifest-schema.ts'
import { identityFile } from '../encryption/identities.ts'
import { conducted, stagingIn, verifyIn, verifying } from './conducted.ts'
import { counts, type FakeEngineOptions, fakeEngine, fakeTarget } from './fake-engine.ts'
import { backupSpec, bucketContent, folders, makeWorld, verifySpec } from './world.ts'

const tools = await requireServers('verification with a fake engine', 'pv', 'zstd', 'age')

let root: TemporaryFolder
let places: Awaited<ReturnType<typeof folders>>
beforeAll(async () => {
  root = await temporaryFolder('verify')
})
afterAll(() => root?.remove())
let number = 0
beforeEach(async () => {
  places = await folders(join(root.path, String(number++)))
})

/** "Servers" that are nothing; what they were started with is kept. */
function throwaways(changes: Partial<ThrowawayServers> & { readonly dies?: boolean } = {}) {
  const started: { folder: string; user?: string }[] = []
  const stopped: string[] = []
  const servers: ThrowawayServers = {
    versions: async () => ['14.1', '15.3', '18.0'],
    choose: versions => versions.find(each => each.startsWith('15')),
    start: async ({ folder, user }) => {
      started.push({ folder, ...(user === undefined ? {} : { user }) })
      await writeFile(join(folder, 'data'), 'x')
      return {
        target: fakeTarget,
        version: '15.3',
        sameLine: true,
        running: changes.dies !== true,
        [Symbol.asyncDispose]: async () => {
          stopped.push(folder)
        },
      }
    },
    ...changes,
  }
  return { servers, started, stopped }
}

interface Trial {
  readonly engine?: FakeEngineOptions
  readonly world?: Partial<Surroundings>
  readonly backup?: Partial<BackupSpec>
  readonly spec?: Partial<VerifySpec>
  /** Between backup and verification. */
  readonly meanwhile?: (manifest: Manifest, key: string) => Promise<void>
}

/** Backs up, and verifies what came of it. */
async function tried({ engine = {}, world = {}, backup = {}, spec = {}, meanwhile }: Trial) {
  const made = fakeEngine({
    folder: places.server,
    census: async () => counts(7),
    count: async () => counts(7),
    throwaway: throwaways().servers,
    ...engine,
  })
  const surroundings = await makeWorld(places, {
    engine: made,
    verifying: verifyIn(places.state),
    ...world,
  })
  const { result: backedUp } = await conducted(backupSpec(places.bucket, backup), surroundings)
  expect(backedUp.failure).toBeUndefined()
  const manifest = readManifestStrictly(Buffer.from(backedUp.manifest ?? '', 'base64'))
  const manifestKey = backedUp.manifest_key ?? ''
  await meanwhile?.(manifest, manifestKey)
  const { result, progress } = await verifying(
    verifySpec(places.bucket, { manifestKey, ...spec }),
    surroundings,
  )
  return { result, progress, manifest, world: surroundings, calls: made.calls }
}

const verifyFolder = () => readdir(join(places.state, 'verify')).catch(() => [])

describe.skipIf(tools.missing)('a census beside the streams', () => {
  it('is an object of its own below the prefix of the attempt, named by the manifest', async () => {
    const { manifest } = await tried({ backup: { codec: 'zstd' } })
    const { census, streams } = manifest
    expect(census?.codecs).toEqual(['zstd'])
    const folder = streams[0]?.objects[0]?.key.replace(/[^/]*$/, '')
    expect(census?.key).toBe(`${folder}census.json.zst`)
    expect((await bucketContent(places.bucket)).objects).toContain(census?.key)
    expect((await bucketContent(places.bucket)).uploads).toEqual([])
  })

  it('is encrypted as the streams are: no name of a table is public', async () => {
    const identity = await identityFile(places.state, 'key')
    const encryption = {
      settings: { ...noEncryption, identityFiles: [identity.path] },
      keyService: () => {
        throw new Error('none')
      },
    }
    const { result, manifest } = await tried({
      world: { encryption },
      backup: {
        encryption: {
          ...{ required: true, recipientsFile: '', kmsKey: '', breakGlass: [] },
          recipients: [identity.recipient],
        },
      },
      meanwhile: async ({ census }) => {
        const stored = await readFile(join(places.bucket, census?.key ?? ''))
        expect(stored.includes('orders')).toBe(false)
        expect(stored.includes('age-encryption.org')).toBe(true)
      },
    })
    expect(manifest.census?.codecs).toEqual(['none', 'age'])
    expect(result.verify?.verdict).toBe('verified')
  })

  it.each<[string, FakeEngineOptions['census']]>([
    [
      'that fails',
      async () => {
        throw new AppError('database.conflict', { message: 'the count was ended' })
      },
    ],
    [
      'that breaks',
      async () => {
        throw new Error('a defect of ours')
      },
    ],
  ])(
    '%s takes nothing with it: the backup is good, and its manifest says what is missing',
    async (_, census) => {
      const { manifest, result } = await tried({ engine: { census: census as never } })
      expect(manifest.census).toBeUndefined()
      expect(manifest.warnings?.join()).toContain('no census')
      expect(result).toMatchObject({
        outcome: 'succeeded',
        verify: { verdict: 'restored', difference_count: 0 },
      })
    },
  )

  it('is not counted where the policy wants none, nor for globals', async () => {
    let asked = 0
    const census = async () => {
      asked++
      return counts(1)
    }
    const { manifest } = await tried({ engine: { census }, backup: { census: 'none' } })
    expect([asked, manifest.census, manifest.warnings]).toEqual([0, undefined, undefined])
  })

  it('ends with a dump that fails, which says why it failed', async () => {
    const ended = Promise.withResolvers<void>()
    const engine = fakeEngine({
      streams: ['echo no such database >&2; exit 1'],
      census: signal =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            ended.resolve()
            reject(signal.reason)
          })
        }),
    })
    const { result } = await conducted(backupSpec(places.bucket), await makeWorld(places, { engine }))
    await ended.promise
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'database.gone' } })
    expect(await bucketContent(places.bucket)).toEqual({ objects: [], uploads: [] })
  })

  it('of a staged backup is counted before the database is let go', async () => {
    const { manifest, calls } = await tried({
      world: { staging: stagingIn(places.state) },
      backup: { strategy: 'staged' },
    })
    expect(calls.indexOf('counted')).toBeGreaterThan(-1)
    expect(calls.indexOf('counted')).toBeLessThan(calls.indexOf('close'))
    expect(manifest.census).toBeDefined()
  })
})

describe.skipIf(tools.missing)('a verification', () => {
  it('restores, counts, compares, throws away', async () => {
    const { servers, started, stopped } = throwaways()
    const { result, progress } = await tried({ engine: { throwaway: servers } })
    expect(result.failure).toBeUndefined()
    expect(result).toMatchObject({
      kind: 'verify',
      outcome: 'succeeded',
      verify: {
        ...{ verdict: 'verified', server_version: '15.3', tables: 1, rows: 7, differences: [] },
        raw_bytes: result.raw_bytes,
      },
    })
    expect(result.verify?.total_ms).toBeGreaterThanOrEqual(result.verify?.restore_ms ?? Number.NaN)
    const stages = [...new Set(progress.map(({ stage }) => stage))]
    expect(stages[0]).toBe('starting')
    expect(stages.at(-1)).toBe('counting')
    expect(stopped).toEqual(started.map(({ folder }) => folder))
    expect(await verifyFolder()).toEqual([])
  })

  it('of a database that is not what its census says: differs, with the table by name, and is not tried again', async () => {
    const { result } = await tried({ engine: { count: async () => counts(6) } })
    expect(result).toMatchObject({
      outcome: 'failed',
      failure: { code: 'verify.differs' },
      verify: {
        verdict: 'differs',
        differences: ['table public.orders has 6 rows; it had 7'],
        difference_count: 1,
      },
    })
  })

  it.each<[string, (path: string) => Promise<void>]>([
    [
      'a bit that flipped',
      async path => {
        const bytes = await readFile(path)
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
        await writeFile(path, bytes)
      },
    ],
    ['an object cut short', async path => writeFile(path, (await readFile(path)).subarray(0, -10))],
    ['an object that is gone', path => rm(path)],
  ])('of %s: unrestorable, with the reason', async (_, damage) => {
    const { result } = await tried({
      meanwhile: manifest => damage(join(places.bucket, manifest.streams[0]?.objects[0]?.key ?? '')),
    })
    expect(result).toMatchObject({
      outcome: 'failed',
      failure: { code: 'verify.unrestorable' },
      verify: { verdict: 'unrestorable', failure: { code: expect.stringMatching(/^backup\./) } },
    })
    expect(await verifyFolder()).toEqual([])
  })

  it('of a census that is damaged: it differs, and the restore is measured all the same', async () => {
    const { result } = await tried({
      meanwhile: ({ census }) => writeFile(join(places.bucket, census?.key ?? ''), 'x'),
    })
    expect(result.verify).toMatchObject({
      verdict: 'differs',
      differences: [expect.stringContaining('the census is damaged')],
    })
    expect(result.verify?.raw_bytes).toBeGreaterThan(0)
  })

  it.each<[string, Trial, string]>([
    [
      'a backup that was deleted meanwhile',
      { meanwhile: (_, key) => rm(join(places.bucket, key)) },
      'object-store.not-found',
    ],
    [
      'a server that died',
      { engine: { throwaway: throwaways({ dies: true }).servers, consumer: 'exit 3' } },
      'verify.server-failed',
    ],
    [
      'a server without an extension',
      {
        engine: {
          consumer: 'cat > /dev/null; echo \'ERROR: extension "x" is not available\' >&2; exit 1',
        },
      },
      'verify.not-here',
    ],
    ['a tool that was killed', { engine: { consumer: 'cat > /dev/null; kill -9 $$' } }, 'stage.failed'],
  ])('%s says nothing of the backup', async (_, trial, code) => {
    const { result } = await tried(trial)
    expect(result).toMatchObject({ outcome: 'failed', failure: { code } })
    expect(result.verify).toBeUndefined()
    expect(await verifyFolder()).toEqual([])
  })

  it('a tool the server refused says it of the backup', async () => {
    const { result } = await tried({
      engine: { consumer: "cat > /dev/null; echo 'syntax error' >&2; exit 1" },
    })
    expect(result.verify).toMatchObject({ verdict: 'unrestorable', failure: { code: 'stage.failed' } })
  })

  it.each<[string, Trial, string]>([
    ['where nothing is configured', { world: { verifying: undefined as never } }, 'verify.not-configured'],
    ['without an engine that has servers', { engine: { throwaway: undefined as never } }, 'verify.no-server'],
    [
      'without a server new enough',
      { engine: { throwaway: throwaways({ choose: () => undefined }).servers } },
      'verify.no-server',
    ],
    ['without room', { spec: { rawBytes: 10e9 } }, 'verify.low-space'],
  ])('%s is declined before it begins', async (_, trial, code) => {
    const verifying = verifyIn(places.state, { free: async () => 12e9 })
    await expect(tried({ ...trial, world: { verifying, ...trial.world } })).rejects.toMatchObject({ code })
  })

  it('beyond what may go on at once is declined', async () => {
    const area = verifyIn(places.state)
    await using held = await area.open()
    expect(() => area.demandTurn()).toThrow(expect.objectContaining({ code: 'verify.busy' }))
    await expect(area.open()).rejects.toMatchObject({ code: 'verify.busy' })
    void held
  })

  it('tells a coordinator which servers it has, and none where it verifies nothing', async () => {
    const engine = fakeEngine({ throwaway: throwaways().servers })
    const world = await makeWorld(places, { engine })
    expect(await verifyServers(world)).toEqual([])
    const servers = await verifyServers({ ...world, verifying: verifyIn(places.state) })
    expect(servers).toContainEqual({ engine: 'postgres', version: '15.3' })
  })
})

describe('the verify folder', () => {
  it('is rid of what dead processes left, their servers ended; of nothing else', async () => {
    const area = verifyIn(places.state)
    const own = ownRecord()
    const boot = own.bootId.slice(0, 8)
    const dead = join(area.folder, `999999-1-${boot}-1`)
    const alive = join(area.folder, `${own.pid}-${own.startTime}-${boot}-1`)
    const foreign = join(area.folder, 'somebody')
    for (const path of [dead, alive, foreign]) await mkdir(path, { recursive: true })
    const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
    const exited = new Promise(resolve => child.on('exit', (_, signal) => resolve(signal)))
    const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8')
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    await writeFile(
      join(dead, 'server.json'),
      JSON.stringify({ name: 'postgres', pid: child.pid, startTime, bootId: own.bootId }),
    )
    // another process got the pid of a server of ours
    const reused = join(area.folder, `999999-1-${boot}-2`)
    await mkdir(reused)
    await writeFile(
      join(reused, 'server.json'),
      JSON.stringify({ name: 'postgres', pid: process.pid, startTime: '1', bootId: own.bootId }),
    )
    await area.sweep()
    expect(await exited).toBe('SIGKILL')
    expect((await readdir(area.folder)).sort()).toEqual(
      [alive, foreign].map(path => path.slice(area.folder.length + 1)).sort(),
    )
  })
})
