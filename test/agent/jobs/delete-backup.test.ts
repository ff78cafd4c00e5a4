import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { deleteRecipe } from '../../../agent/jobs/delete.ts'
import { newId } from '../../../shared/clock/index.ts'
import { openDirectoryStore } from '../../../shared/object-store/directory.ts'
import { attemptPrefix, manifestKey } from '../../../shared/object-store/keys.ts'
import { type ObjectStore, objectKey } from '../../../shared/object-store/port.ts'
import { DeleteSpec, type ExpiredBackup } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { temporaryFolder } from '../../harness/index.ts'
import { allowing } from './delete-voice.ts'
import { bucketContent, deleteSpec, folders, makeWorld } from './world.ts'

const at = Date.UTC(2026, 10, 28)

/** Stores a backup of two objects, as an agent would have. */
async function stored(store: ObjectStore): Promise<ExpiredBackup> {
  const attemptId = newId('attempt')
  const prefix = attemptPrefix({ cluster: 'c', database: 'd', at, class: 'daily', attemptId })
  const manifest = Buffer.from(JSON.stringify({ attemptId }))
  for (const name of ['000-full.pgdump.zst', '001-more.pgdump.zst'])
    await store.put(objectKey(prefix + name), Buffer.from('some data'))
  await store.put(manifestKey(at, attemptId), manifest)
  return {
    backupId: newId('backup'),
    manifestKey: manifestKey(at, attemptId),
    manifestSha256: createHash('sha256').update(manifest).digest('hex'),
    attemptPrefix: prefix,
  }
}

async function bench(root: string, wrap: (store: ObjectStore) => ObjectStore = store => store) {
  const places = await folders(root)
  const open = () => wrap(openDirectoryStore(places.bucket))
  const world = await makeWorld(places, { store: open })
  const objects = async () => (await bucketContent(places.bucket)).objects
  const run = (backups: ExpiredBackup[], allow?: (key: string) => boolean) => {
    const { voice, asked } = allowing(allow)
    const done = deleteRecipe(deleteSpec(places.bucket, { backups }), world).run(voice)
    return { done, asked }
  }
  return { places, store: openDirectoryStore(places.bucket), objects, run }
}

describe('a backup that is deleted', () => {
  test('loses its manifest first, then all that lies below its prefix, and nothing of another one', async () => {
    await using folder = await temporaryFolder('delete')
    const { store, objects, run } = await bench(folder.path)
    const [one, other] = [await stored(store), await stored(store)]
    const before = await objects()
    const { done, asked } = run([one])
    expect(await done).toMatchObject({
      kind: 'done',
      storedBytes: 18 + Buffer.byteLength('{"attemptId":""}') + 40,
    })
    expect(asked[0]).toBe(one.manifestKey)
    expect(asked.slice(1).every(key => key.startsWith(one.attemptPrefix))).toBe(true)
    expect(await objects()).toEqual(before.filter(key => !asked.includes(key)))
    expect(await objects()).toContain(other.manifestKey)
    // again, as after a lost result: nothing is left to do
    expect(await run([one]).done).toMatchObject({ kind: 'done', storedBytes: 0 })
  })

  test('is left alone when another manifest lies there, and without a grant; others go all the same', async () => {
    await using folder = await temporaryFolder('delete')
    const { store, objects, run } = await bench(folder.path)
    const [strange, refused, fine] = [await stored(store), await stored(store), await stored(store)]
    const { done } = run(
      [{ ...strange, manifestSha256: '0'.repeat(64) }, refused, fine],
      key => key !== refused.manifestKey,
    )
    await expect(done).rejects.toMatchObject({ code: 'conflict' })
    const left = await objects()
    for (const { manifestKey: key, attemptPrefix: prefix } of [strange, refused]) {
      expect(left).toContain(key)
      expect(left.filter(each => each.startsWith(prefix))).toHaveLength(2)
    }
    expect(left).not.toContain(fine.manifestKey)
  })

  test('of a store that says yes and deletes nothing, is not called deleted', async () => {
    await using folder = await temporaryFolder('delete')
    const lying = (store: ObjectStore) => Object.assign(store, { delete: async () => {} })
    const { store, run } = await bench(folder.path, lying)
    await expect(run([await stored(store)]).done).rejects.toMatchObject({ code: 'object-store.failed' })
  })

  test.each([
    [
      'a manifest of another attempt',
      (b: ExpiredBackup) => ({ ...b, manifestKey: manifestKey(at, newId('attempt')) }),
    ],
    [
      'what is no manifest',
      (b: ExpiredBackup) => ({ ...b, manifestKey: b.manifestKey.replace('manifests', 'anchors') }),
    ],
    ['a folder that is no attempt’s', (b: ExpiredBackup) => ({ ...b, attemptPrefix: 'v1/data/' })],
  ])('%s is refused before anything is begun', async (_what, wrong) => {
    await using folder = await temporaryFolder('delete')
    const { places, store } = await bench(folder.path)
    const spec = deleteSpec(places.bucket, { backups: [wrong(await stored(store))] })
    const world = await makeWorld(places)
    expect(() => deleteRecipe(spec, world)).toThrow(/attempt/)
  })

  test('killed after the manifest went: no backup is left that points at nothing, and the next keeper ends it', async () => {
    await using folder = await temporaryFolder('delete')
    const { places, store, objects, run } = await bench(folder.path)
    const one = await stored(store)
    const spec = DeleteSpec.toJSON(deleteSpec(places.bucket, { backups: [one] }))
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'delete-backup-child.ts'), folder.path, JSON.stringify(spec)],
      { env: { ...process.env, HOLDFAST_TEST_CRASH_AT: 'after-manifest-deleted' }, stdio: 'ignore' },
    )
    expect((await once(child, 'close'))[1]).toBe('SIGKILL')
    const left = await objects()
    expect(left).not.toContain(one.manifestKey)
    expect(left.filter(key => key.startsWith(one.attemptPrefix))).toHaveLength(2)
    await run([one]).done
    expect(await objects()).toEqual([])
  })
})
