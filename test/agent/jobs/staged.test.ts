import { spawnSync } from 'node:child_process'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Throttle } from '../../../agent/pipeline/throttle.ts'
import { type Manifest, manifestSchema } from '../../../shared/model/manifest.ts'
import { openDirectoryStore } from '../../../shared/object-store/directory.ts'
import { objectKey } from '../../../shared/object-store/port.ts'
import { requireServers, temporaryFolder } from '../../harness/index.ts'
import { conducted, stagingIn } from './conducted.ts'
import { fakeEngine } from './fake-engine.ts'
import { backupSpec, bucketContent, folders, makeWorld } from './world.ts'

const servers = await requireServers('staged backups', 'pv', 'zstd')
const mayMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0
if (!mayMount) process.stderr.write('SKIPPED: a staging folder that runs full: needs root and unshare\n')

function manifestOf(manifest: string | undefined): Manifest {
  return manifestSchema.parse(JSON.parse(Buffer.from(manifest ?? '', 'base64').toString('utf8')))
}

async function everything(bucket: string, key: string): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of openDirectoryStore(bucket).read(objectKey(key))) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

describe.skipIf(servers.missing)('a staged backup', () => {
  it('P2: is the same backup by the same commit protocol; the folder is private, and empty afterwards', async () => {
    await using folder = await temporaryFolder('staged')
    const places = await folders(folder.path)
    const modes: number[] = []
    const look = async () => {
      const root = join(places.state, 'staging')
      for (const name of await readdir(root)) {
        modes.push((await stat(join(root, name))).mode & 0o777)
        for (const file of await readdir(join(root, name)))
          modes.push((await stat(join(root, name, file))).mode & 0o777)
      }
    }
    const engine = fakeEngine({ streams: ['seq 1 50000', 'seq 7 9'], verify: look })
    const world = await makeWorld(places, { staging: stagingIn(places.state), engine })
    const { result, progress } = await conducted(backupSpec(places.bucket, { strategy: 'staged' }), world)
    expect(result.failure).toBeUndefined()
    const manifest = manifestOf(result.manifest)
    expect(manifest.observed).toMatchObject({ strategy: 'staged', strategy_reason: 'asked', retries: 0 })
    expect(Number(manifest.observed?.peak_rss_bytes.agent)).toBeGreaterThan(1e6)
    const [first, second] = manifest.streams
    expect(await everything(places.bucket, first?.objects[0]?.key ?? '')).toBe(
      `${Array.from({ length: 50_000 }, (_, i) => i + 1).join('\n')}\n`,
    )
    expect(await everything(places.bucket, second?.objects[0]?.key ?? '')).toBe('7\n8\n9\n')
    expect(first?.duration_ms).toBeGreaterThanOrEqual(0)
    // folder, its file; folder, its two files
    expect(modes).toEqual([0o700, 0o600, 0o700, 0o600, 0o600])
    expect(await readdir(join(places.state, 'staging'))).toEqual([])
    expect((await bucketContent(places.bucket)).uploads).toEqual([])
    // the database was let go before the first byte went up
    const stages = progress.map(({ stage }) => stage)
    expect(stages.findIndex(stage => stage.startsWith('uploading'))).toBeGreaterThan(
      stages.findLastIndex(stage => stage.startsWith('staging')),
    )
    expect(progress.find(({ stage }) => stage.startsWith('staging'))?.storedBytes).toBe(0)
    expect(engine.calls.filter(call => call.startsWith('close'))).toHaveLength(1)
  })

  it('without room is refused before any work, with how much is missing; stale staging was swept first', async () => {
    await using folder = await temporaryFolder('staged')
    const places = await folders(folder.path)
    const stale = join(places.state, 'staging', 'att_0190-dead~999999~1~dead-beef')
    await mkdir(stale, { recursive: true })
    await writeFile(join(stale, 'staged-0'), 'x')
    const engine = fakeEngine()
    const staging = stagingIn(places.state, { reserveBytes: 1_000, free: async () => 5_000 })
    const world = await makeWorld(places, { staging, engine })
    const spec = backupSpec(places.bucket, { strategy: 'staged', predictedRawBytes: 3_000 })
    await expect(conducted(spec, world)).rejects.toMatchObject({
      code: 'staging.low-space',
      context: { needed_bytes: 7_000, free_bytes: 5_000, reserve_bytes: 1_000, missing_bytes: 2_001 },
    })
    expect(engine.calls).toEqual([])
    expect(await readdir(join(places.state, 'staging'))).toEqual([])
  })

  it('asked for as auto streams where there is no room, and says why', async () => {
    await using folder = await temporaryFolder('staged')
    const places = await folders(folder.path)
    const staging = stagingIn(places.state, { free: async () => 0 })
    const world = await makeWorld(places, { staging })
    const spec = backupSpec(places.bucket, { strategy: 'auto', predictedRawBytes: 3_000 })
    const { result } = await conducted(spec, world)
    expect(manifestOf(result.manifest).observed).toMatchObject({
      strategy: 'streaming',
      strategy_reason: 'low-space',
    })
  })

  it('that meets the floor in the middle is a failure with the floor, and leaves nothing', async () => {
    await using folder = await temporaryFolder('staged')
    const places = await folders(folder.path)
    let free = 10_000_000
    const staging = stagingIn(places.state, {
      reserveBytes: 8_000_000,
      free: async () => {
        free -= 500_000
        return free
      },
    })
    const world = await makeWorld(places, { staging })
    const { result } = await conducted(backupSpec(places.bucket, { strategy: 'staged' }), world)
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'staging.full' }, debris: [] })
    expect(result.failure?.context).toMatchObject({ reserve_bytes: 8_000_000 })
    expect(await readdir(join(places.state, 'staging'))).toEqual([])
    expect(await bucketContent(places.bucket)).toEqual({ objects: [], uploads: [] })
  })

  it.skipIf(!mayMount)('on a disk that runs full is a clear failure, and leaves nothing', async () => {
    await using folder = await temporaryFolder('staged')
    const disk = join(folder.path, 'disk')
    await mkdir(disk)
    const child = spawnSync(
      'unshare',
      [
        '-m',
        'sh',
        '-c',
        'mount -t tmpfs -o size=12m tmpfs "$1" && exec "$2" "$3" "$4" "$1"',
        'sh',
        disk,
        process.execPath,
        join(import.meta.dirname, 'staged-child.ts'),
        folder.path,
      ],
      { encoding: 'utf8' },
    )
    expect(child.stderr).not.toContain('Error')
    const said = JSON.parse(child.stdout)
    expect(said.failure).toMatchObject({ code: 'staging.full' })
    expect(said).toMatchObject({ debris: [], left: [], bucket: { objects: [], uploads: [] } })
  })

  it('is held back on its way to the store, not on its way to the disk', async () => {
    await using folder = await temporaryFolder('staged')
    const places = await folders(folder.path)
    const taken: number[] = []
    const throttle = new Throttle(undefined, { now: () => ({ wall: 0, mono: 0 }), sleep: async () => {} })
    const take = throttle.take.bind(throttle)
    let uploading = false
    throttle.take = async (bytes, signal) => {
      expect(uploading).toBe(true)
      taken.push(bytes)
      return take(bytes, signal)
    }
    const world = await makeWorld(places, {
      staging: stagingIn(places.state),
      throttle,
      engine: fakeEngine({
        verify: async () => {
          uploading = true
        },
      }),
    })
    const { result } = await conducted(backupSpec(places.bucket, { strategy: 'staged' }), world)
    expect(taken.reduce((sum, each) => sum + each, 0)).toBe(result.stored_bytes)
  })
})
