import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DurableFolder, loadIdentity } from '../../agent/identity/index.ts'
import { Attempts } from '../../agent/jobs/attempts.ts'
import { keepAcknowledgedFor, Spool } from '../../agent/jobs/spool.ts'
import { silentLog } from '../../shared/log/index.ts'
import { openDirectoryStore } from '../../shared/object-store/directory.ts'
import { content } from '../agent/jobs/copies-world.ts'
import { bucketContent, makeWorld } from '../agent/jobs/world.ts'
import { temporaryFolder } from '../harness/index.ts'
import { readManifestStrictly } from '../harness/manifest-schema.ts'
import { copyFixture } from './fixture.ts'
import { smallParts } from './small-parts.ts'

/** Today's agent starts in a state folder that an earlier commit left. */
async function recovered(root: string, name: string) {
  copyFixture(`agent-v1/${name}`, root)
  const places = { state: join(root, 'state'), bucket: join(root, 'bucket') }
  const world = await makeWorld(places, { store: () => smallParts(places.bucket) })
  const before = await world.journal.records()
  const attempts = new Attempts({ world, slots: 1, onResult: () => {}, onAsked: () => {}, send: () => false })
  await attempts.recoverAll()
  await attempts.idle()
  return { before, world, after: await world.journal.records(), bucketPath: places.bucket }
}

describe('a state folder that an earlier agent left when it was killed', () => {
  test.each(['completing', 'committing', 'stored', 'told'])(
    'in phase %s: the backup is rolled forward, byte for byte',
    async name => {
      await using folder = await temporaryFolder('compatibility')
      const { before, after, world, bucketPath } = await recovered(folder.path, name)
      expect(before).toHaveLength(1)
      expect(after).toEqual([])
      const [result, ...more] = world.spool.pending()
      expect(more).toEqual([])
      expect(result).toMatchObject({ outcome: 'succeeded', debris: [], attempt: { epoch: 3 } })
      const bytes = await readFile(join(bucketPath, result?.manifest_key ?? ''))
      expect(Buffer.from(result?.manifest ?? '', 'base64').equals(bytes)).toBe(true)
      const named = readManifestStrictly(bytes).streams.flatMap(each => each.objects.map(({ key }) => key))
      const content = await Promise.all(named.map(key => readFile(join(bucketPath, key), 'utf8')))
      expect(content.join('')).toBe(Array.from({ length: 800 }, (_, i) => `${i + 1}\n`).join(''))
      expect(await bucketContent(bucketPath)).toEqual({
        objects: [...named, result?.manifest_key].sort(),
        uploads: [],
      })
    },
  )

  test.each(['completing-two', 'committing-two'])(
    'with two destinations, %s: the backup is rolled forward in both, byte for byte',
    async name => {
      await using folder = await temporaryFolder('compatibility')
      copyFixture(`agent-v2/${name}`, folder.path)
      const world = await makeWorld(
        { state: join(folder.path, 'state'), bucket: '' },
        { openStore: async destination => openDirectoryStore(join(folder.path, destination.name)) },
      )
      expect(await world.journal.records()).toMatchObject([{ version: 2, further: [{ name: 'two' }] }])
      const options = { onResult: () => {}, onAsked: () => {}, send: () => false }
      const attempts = new Attempts({ world, slots: 1, ...options })
      await attempts.recoverAll()
      await attempts.idle()
      expect(await world.journal.records()).toEqual([])
      expect(world.spool.pending()).toMatchObject([
        {
          outcome: 'succeeded',
          copies: [
            { destination: 'one', state: 'present' },
            { destination: 'two', state: 'present' },
          ],
        },
      ])
      const one = await content(folder.path, 'one')
      expect(Object.keys(one.objects)).toHaveLength(3)
      expect(one.uploads).toEqual([])
      expect(await content(folder.path, 'two')).toEqual(one)
    },
  )

  test('in phase open: every upload is aborted, the attempt fails', async () => {
    await using folder = await temporaryFolder('compatibility')
    const { before, after, world, bucketPath } = await recovered(folder.path, 'open')
    expect(before).toMatchObject([{ phase: 'open', children: [expect.anything(), expect.anything()] }])
    expect(after).toEqual([])
    expect(world.spool.pending()).toMatchObject([
      { outcome: 'failed', failure: { code: 'job.agent-restarted' }, debris: [] },
    ])
    expect(await bucketContent(bucketPath)).toEqual({ objects: [], uploads: [] })
  })

  test('during a restore and a delete: each is told of in its own way (J11)', async () => {
    await using folder = await temporaryFolder('compatibility')
    const { after, world } = await recovered(folder.path, 'guarded')
    expect(after).toEqual([])
    expect(Object.fromEntries(world.spool.pending().map(each => [each.kind, each.failure]))).toMatchObject({
      restore: { code: 'job.lost-guarded', context: { target: 'orders_copy' } },
      delete: { code: 'job.agent-restarted' },
    })
  })

  test('its spool: what waits is sent, what was acknowledged is kept for another incarnation (A5)', async () => {
    await using folder = await temporaryFolder('compatibility')
    copyFixture('agent-v1/spool', folder.path)
    const state = join(folder.path, 'state')
    const acknowledgedAt = 1_790_000_000_100
    const spool = await Spool.open(state, acknowledgedAt, silentLog)
    expect(spool.size).toEqual({ pending: 4, acknowledged: 2, rejected: 1 })
    expect(spool.pending().map(each => `${each.kind} ${each.outcome}`)).toEqual([
      'backup succeeded',
      'backup failed',
      'restore cancelled',
      'delete succeeded',
    ])
    expect(spool.pending()[1]).toMatchObject({
      failure: { code: 'stage.failed', context: { status: 1, killed: false, tail: ['one', 'two'] } },
      debris: ['v1/data/orders~0123456789/a'],
      raw_bytes: 10_000_000_000,
    })
    expect(spool.lastIncarnation).toBe('inc_1')
    expect(await spool.reviveFor('inc_2')).toBe(2)
    copyFixture('agent-v1/spool', join(folder.path, 'later'))
    const later = join(folder.path, 'later/state')
    const old = await Spool.open(later, acknowledgedAt + 10 + keepAcknowledgedFor, silentLog)
    expect(old.size).toEqual({ pending: 4, acknowledged: 0, rejected: 1 })
  })

  test('its identity: it is the same agent', async () => {
    await using folder = await temporaryFolder('compatibility')
    copyFixture('agent-v1/spool', folder.path)
    const state = await DurableFolder.open(join(folder.path, 'state'))
    expect(await loadIdentity(state, silentLog)).toMatchObject({
      agentId: 'agt_01a20000-0000-7000-8000-000000000009',
      instanceId: '0d8a2c5e-2b0e-4f0e-8a55-0a1c5b6d7e8f',
    })
  })
})
