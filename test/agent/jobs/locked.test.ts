import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Destination } from '../../../shared/model/destination.ts'
import { openObjectStore } from '../../../shared/object-store/index.ts'
import { destinationToWire } from '../../../shared/wire/destination.ts'
import { type FakeS3, requireServers, startFakeS3, temporaryFolder } from '../../harness/index.ts'
import { conducted } from './conducted.ts'
import { backupSpec, folders, makeWorld } from './world.ts'

const servers = await requireServers('backups under Object Lock', 'pv')

describe.skipIf(servers.missing)('a backup to a destination with Object Lock', () => {
  let fake: FakeS3
  beforeEach(async () => {
    fake = await startFakeS3({ objectLock: true })
  })
  afterEach(() => fake.stop())

  const destination = (): Destination => ({
    ...{
      name: 'main',
      url: 's3://bucket/prod',
      endpoint: fake.endpoint,
      region: fake.region,
      profile: 'ceph',
    },
    settings: { objectLock: { mode: 'governance', days: 7 }, tags: [{ name: 'team', value: 'data' }] },
  })

  async function backUp() {
    await using folder = await temporaryFolder('locked')
    const places = await folders(folder.path)
    const world = await makeWorld(places, {
      openStore: async to =>
        openObjectStore(to, {
          credentials: fake,
          retry: { attempts: 2, baseMs: 1, capMs: 2 },
          environment: {},
        }),
    })
    const spec = backupSpec(places.bucket, { destination: destinationToWire(destination()) })
    return (await conducted(spec, world)).result
  }

  it('locks every object of it, data and manifest, after the manifest was stored and not before', async () => {
    const result = await backUp()
    expect(result).toMatchObject({ outcome: 'succeeded' })
    expect(result.warnings).toBeUndefined()
    expect([...fake.retained.keys()].sort()).toEqual([...fake.objects.keys()].sort())
    const { requests } = fake
    const stored = requests.findIndex(
      ({ operation, key }) => operation === 'PutObject' && key.includes('/manifests/'),
    )
    const locked = requests.findIndex(({ query }) => query.has('retention'))
    expect(locked).toBeGreaterThan(stored)
    expect(stored).toBeGreaterThan(0)
    const { committed_at } = JSON.parse(Buffer.from(result.manifest ?? '', 'base64').toString())
    const until = new Date(Math.floor((committed_at + 7 * 86_400_000) / 1_000) * 1_000)
      .toISOString()
      .slice(0, 19)
    for (const body of fake.retained.values()) expect(body).toContain(`<RetainUntilDate>${until}`)
    for (const { headers } of fake.objects.values()) expect(headers['x-amz-tagging']).toBe('team=data')
  })

  it('goes without when the bucket has none: the backup is good, and says so (J7)', async () => {
    fake.traits = { objectLock: false }
    const result = await backUp()
    expect(result).toMatchObject({
      outcome: 'succeeded',
      warnings: ['stored in main without its Object Lock: the bucket has no Object Lock'],
    })
  })
})
