import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { copyCuts } from '../../../agent/jobs/copy-cuts.ts'
import { AppError } from '../../../shared/errors/index.ts'
import type { ObjectStore } from '../../../shared/object-store/port.ts'
import { destinationToWire } from '../../../shared/wire/destination.ts'
import { requireServers, temporaryFolder } from '../../harness/index.ts'
import { backupToBoth, content, copiesWorld, copyOf, done, place } from './copies-world.ts'
import { newAttempt } from './world.ts'

const servers = await requireServers('copies made by the agent', 'pv')

async function lay() {
  const folder = await temporaryFolder('copies')
  for (const name of ['one', 'two', 'state']) await mkdir(join(folder.path, name))
  return folder
}

/** The store fails at one method. */
function failing(store: ObjectStore, method: keyof ObjectStore, error: () => Error): ObjectStore {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === method)
        return async () => {
          throw error()
        }
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function sha256Of(manifest: string | undefined): string {
  return createHash('sha256')
    .update(Buffer.from(manifest ?? '', 'base64'))
    .digest('hex')
}

describe.skipIf(servers.missing)('a backup to two destinations', () => {
  it('too few can take it: it fails, and nothing is left in either (P2, P4)', async () => {
    await using folder = await lay()
    const world = await copiesWorld(folder.path, (store, { name }) =>
      name === 'two' ? failing(store, 'completeUpload', () => new AppError('object-store.denied')) : store,
    )
    const result = await done(world, backupToBoth(folder.path, newAttempt(), { minCopies: 2 }))
    expect(result).toMatchObject({
      outcome: 'failed',
      failure: { code: 'object-store.denied' },
      destination: 'one',
      copies: [
        { destination: 'one', state: 'missing' },
        { destination: 'two', state: 'missing', debris: [] },
      ],
    })
    // what was completed in the one before the other refused is debris with an owner
    const left = Object.keys((await content(folder.path, 'one')).objects)
    expect(result?.debris.toSorted()).toEqual(left)
    expect((await content(folder.path, 'one')).uploads).toEqual([])
    expect(await content(folder.path, 'two')).toEqual({ objects: {}, uploads: [] })
    expect(await world.journal.records()).toEqual([])
  })

  it('two that are one are refused', async () => {
    await using folder = await lay()
    const world = await copiesWorld(folder.path)
    const twice = { destinations: [destinationToWire({ ...place(folder.path, 'one'), name: 'two' })] }
    await expect(done(world, backupToBoth(folder.path, newAttempt(), twice))).resolves.toBeUndefined()
  })

  it('both are well: the same bytes lie under the same keys, manifest included', async () => {
    await using folder = await lay()
    const result = await done(await copiesWorld(folder.path), backupToBoth(folder.path, newAttempt()))
    expect(result).toMatchObject({
      outcome: 'succeeded',
      destination: 'one',
      copies: [
        { destination: 'one', state: 'present', verified_at: expect.any(Number) },
        { destination: 'two', state: 'present', verified_at: expect.any(Number) },
      ],
    })
    const one = await content(folder.path, 'one')
    expect(Object.keys(one.objects)).toHaveLength(3)
    expect(one.uploads).toEqual([])
    expect(await content(folder.path, 'two')).toEqual(one)
  })

  it.each([
    ['check', 'object-store.unreachable'],
    ['createUpload', 'object-store.denied'],
    ['uploadPart', 'object-store.failed'],
    ['completeUpload', 'object-store.denied'],
    ['put', 'object-store.denied'],
  ] as const)(
    'the second fails at %s: the backup stands in the first, the copy is missing',
    async (method, code) => {
      await using folder = await lay()
      const world = await copiesWorld(folder.path, (store, { name }) =>
        name === 'two' ? failing(store, method, () => new AppError(code)) : store,
      )
      const result = await done(world, backupToBoth(folder.path, newAttempt()))
      expect(result).toMatchObject({
        outcome: 'succeeded',
        copies: [
          { destination: 'one', state: 'present' },
          { destination: 'two', state: 'missing', failure: { code } },
        ],
      })
      expect(Object.keys((await content(folder.path, 'one')).objects)).toHaveLength(3)
      expect(Object.keys((await content(folder.path, 'two')).objects)).not.toContain(result?.manifest_key)
    },
  )

  it('the first fails: the backup stands in the second', async () => {
    await using folder = await lay()
    const world = await copiesWorld(folder.path, (store, { name }) =>
      name === 'one' ? failing(store, 'check', () => new AppError('object-store.unreachable')) : store,
    )
    const result = await done(world, backupToBoth(folder.path, newAttempt()))
    expect(result).toMatchObject({
      outcome: 'succeeded',
      destination: 'two',
      copies: [{ state: 'missing' }, { state: 'present' }],
    })
  })

  it('its journal says version 2, and one destination still version 1', async () => {
    await using folder = await lay()
    const seen: unknown[] = []
    const world = await copiesWorld(folder.path)
    const write = world.journal.write.bind(world.journal)
    world.journal.write = record => {
      seen.push([record.phase, record.version, record.further?.map(({ name }) => name)])
      return write(record)
    }
    await done(world, backupToBoth(folder.path, newAttempt()))
    expect(seen.at(0)).toEqual(['open', 2, ['two']])
    expect(seen.at(-1)).toEqual(['committing', 2, ['two']])
    await done(world, backupToBoth(folder.path, newAttempt(), { destinations: [] }))
    expect(seen.at(-1)).toEqual(['committing', 1, undefined])
  })
})

describe.skipIf(servers.missing)('a copy job', () => {
  it('finds another manifest in its place: it touches nothing', async () => {
    await using folder = await lay()
    const world = await copiesWorld(folder.path)
    const result = await done(world, backupToBoth(folder.path, newAttempt(), { destinations: [] }))
    if (result === undefined) throw new Error('no result')
    const path = join(folder.path, 'two', result.manifest_key ?? '')
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, 'something else')
    const copy = await done(world, copyOf(folder.path, result, sha256Of(result.manifest)))
    expect(copy).toMatchObject({ kind: 'copy', outcome: 'failed', failure: { code: 'copy.conflict' } })
    expect(await readFile(path, 'utf8')).toBe('something else')
  })

  it('finds a source that is not whole: no manifest is written', async () => {
    await using folder = await lay()
    const world = await copiesWorld(folder.path)
    const result = await done(world, backupToBoth(folder.path, newAttempt(), { destinations: [] }))
    if (result === undefined) throw new Error('no result')
    const [data = ''] = Object.keys((await content(folder.path, 'one')).objects)
    const bytes = await readFile(join(folder.path, 'one', data))
    bytes[100] = 0
    await writeFile(join(folder.path, 'one', data), bytes)
    const copy = await done(world, copyOf(folder.path, result, sha256Of(result.manifest)))
    expect(copy).toMatchObject({ outcome: 'failed', failure: { code: 'backup.corrupt' }, debris: [] })
    const two = await content(folder.path, 'two')
    expect(two.uploads).toEqual([])
    expect(Object.keys(two.objects)).not.toContain(result.manifest_key)
  })

  it('makes the missing copy byte for byte, sweeps what was left open, and done again changes nothing', async () => {
    await using folder = await lay()
    const away = await copiesWorld(folder.path, (store, { name }) =>
      name === 'two'
        ? failing(
            failing(store, 'completeUpload', () => new AppError('object-store.denied')),
            'abortUpload',
            () => new AppError('object-store.denied'),
          )
        : store,
    )
    const result = await done(away, backupToBoth(folder.path, newAttempt()))
    if (result === undefined) throw new Error('no result')
    expect((await content(folder.path, 'two')).uploads).not.toEqual([])

    const world = await copiesWorld(folder.path)
    const copy = await done(world, copyOf(folder.path, result, sha256Of(result.manifest)))
    expect(copy).toMatchObject({
      kind: 'copy',
      outcome: 'succeeded',
      manifest: result.manifest,
      manifest_key: result.manifest_key,
      stored_bytes: result.stored_bytes,
      copies: [{ destination: 'two', state: 'present' }],
    })
    const two = await content(folder.path, 'two')
    expect(two).toEqual(await content(folder.path, 'one'))

    // damaged since, and asked for again by hand: what is whole stays, the rest is made anew
    const [data = ''] = Object.keys(two.objects)
    const bytes = await readFile(join(folder.path, 'two', data))
    bytes[100] = 0
    await writeFile(join(folder.path, 'two', data), bytes)
    await rm(join(folder.path, 'two', result.manifest_key ?? ''))
    expect(await done(world, copyOf(folder.path, result, sha256Of(result.manifest)))).toMatchObject({
      outcome: 'succeeded',
    })
    expect(await content(folder.path, 'two')).toEqual(two)
    expect(await done(world, copyOf(folder.path, result, sha256Of(result.manifest)))).toMatchObject({
      outcome: 'succeeded',
    })
    expect(await content(folder.path, 'two')).toEqual(two)
  })
})

describe('how a copy is cut', () => {
  const parts = [8, 8, 8, 8, 3].map(size => ({ size, sha256: '' }))

  it('as the original, where the store takes that', () => {
    expect(copyCuts({ parts }, { maxParts: 10, minPartSize: 5 }).map(each => each.size)).toEqual([
      8, 8, 8, 8, 3,
    ])
  })

  it('several parts as one, where it takes fewer or larger parts; all equal but the last', () => {
    expect(copyCuts({ parts }, { maxParts: 3, minPartSize: 5 })).toEqual([
      { parts: 2, size: 16 },
      { parts: 2, size: 16 },
      { parts: 1, size: 3 },
    ])
    expect(copyCuts({ parts }, { maxParts: 10, minPartSize: 20 }).map(each => each.size)).toEqual([24, 11])
  })

  it('one part may be of any size', () => {
    expect(copyCuts({ parts: [{ size: 1, sha256: '' }] }, { maxParts: 10, minPartSize: 20 })).toEqual([
      { parts: 1, size: 1 },
    ])
  })
})
