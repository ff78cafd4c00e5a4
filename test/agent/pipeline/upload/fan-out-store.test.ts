import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FanOutStore } from '../../../../agent/pipeline/upload/fan-out-store.ts'
import { ObjectWriter } from '../../../../agent/pipeline/upload/object-writer.ts'
import { systemClock } from '../../../../shared/clock/index.ts'
import { AppError } from '../../../../shared/errors/index.ts'
import { openDirectoryStore } from '../../../../shared/object-store/directory.ts'
import { type ObjectKey, type ObjectStore, objectKey } from '../../../../shared/object-store/port.ts'
import { temporaryFolder, waitUntil } from '../../../harness/index.ts'

const partSize = 1_000
const never = new AbortController().signal

/** A clock whose time passes only when told to. */
class TestClock {
  mono = 0
  readonly #sleepers: { readonly at: number; readonly wake: () => void }[] = []

  now() {
    return { wall: this.mono, mono: this.mono }
  }

  sleep(duration: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      this.#sleepers.push({ at: this.mono + duration, wake: resolve })
    })
  }

  pass(ms: number): void {
    this.mono += ms
    for (const sleeper of this.#sleepers.splice(0))
      if (sleeper.at <= this.mono) sleeper.wake()
      else this.#sleepers.push(sleeper)
  }
}

/** What a destination does with parts; `undefined` is well. */
interface Ways {
  readonly onPart?: (count: number, signal: AbortSignal | undefined) => Promise<void>
  readonly onCreate?: () => Promise<void>
}

/** A directory store that does something else with some parts, through the port. */
function waylaid(store: ObjectStore, ways: Ways, onStored: () => void): ObjectStore {
  let parts = 0
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'uploadPart')
        return async (...args: Parameters<ObjectStore['uploadPart']>) => {
          await ways.onPart?.(++parts, args[4])
          const receipt = await target.uploadPart(...args)
          onStored()
          return receipt
        }
      if (name === 'createUpload')
        return async (...args: Parameters<ObjectStore['createUpload']>) => {
          await ways.onCreate?.()
          return target.createUpload(...args)
        }
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Hangs until its signal is aborted. */
const hang = (_count: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))

async function world(root: string, ways: Readonly<Record<string, Ways>>, maxParts = 10_000) {
  const stores = new Map<string, ObjectStore>()
  for (const name of Object.keys(ways)) {
    await mkdir(join(root, name))
    stores.set(name, openDirectoryStore(join(root, name), { maxParts }))
  }
  const stored = new Map<string, number>()
  return {
    stores,
    targets: [...stores].map(([name, store]) => ({
      name,
      store: waylaid(store, ways[name] ?? {}, () => stored.set(name, (stored.get(name) ?? 0) + 1)),
    })),
    /** Until a destination has so many parts, and everybody has heard of it. */
    partsAt: async (name: string, count: number) => {
      await waitUntil(() => (stored.get(name) ?? 0) >= count, { what: `${count} parts at ${name}` })
      await settledTurns()
    },
  }
}

function writerOf(store: FanOutStore, failures: unknown[] = []) {
  return new ObjectWriter({
    store,
    partSize,
    keyOf: index => objectKey(`data/object-${index}`),
    signal: never,
    onFailure: thrown => failures.push(thrown),
  })
}

async function uploads(store: ObjectStore): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of store.listUploads('')) found.push(key)
  return found
}

async function bytesOf(store: ObjectStore, key: ObjectKey): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.read(key)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Completes what the writer left at each destination, from the true ids, as the commit protocol does. */
async function committed(
  fanOut: FanOutStore,
  stores: ReadonlyMap<string, ObjectStore>,
  objects: Awaited<ReturnType<ObjectWriter['finish']>>,
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer[]>()
  for (const { key, uploadId } of objects)
    for (const { destination, uploadId: id, parts } of fanOut.uploadsOf(uploadId)) {
      const store = stores.get(destination)
      if (store === undefined) throw new Error(destination)
      await store.completeUpload({ key, uploadId: id }, parts)
      found.set(destination, [...(found.get(destination) ?? []), await bytesOf(store, key)])
    }
  return new Map([...found].map(([name, each]) => [name, Buffer.concat(each)]))
}

async function settledTurns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>(resolve => setImmediate(resolve))
}

describe('a fan-out to several destinations', () => {
  it('stores the same bytes everywhere, from one pair of buffers, whatever the size (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 9_000 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.integer({ min: 1, max: 2_500 }), { minLength: 1, maxLength: 6 }),
        async (size, maxParts, cuts) => {
          await using folder = await temporaryFolder('fan-out')
          const { stores, targets } = await world(folder.path, { one: {}, two: {}, three: {} }, maxParts)
          const fanOut = new FanOutStore({ targets, minCopies: 3, patience: 1_000, clock: systemClock })
          const content = createHash('shake256', { outputLength: Math.max(1, size) })
            .update(`${size}`)
            .digest()
            .subarray(0, size)
          const writer = writerOf(fanOut)
          await writer.open()
          for (let at = 0, i = 0; at < size; i++) {
            const cut = cuts[i % cuts.length] ?? 1
            await writer.write(content.subarray(at, at + cut))
            at += cut
          }
          const copies = await committed(fanOut, stores, await writer.finish())
          expect([...copies.keys()]).toEqual(['one', 'two', 'three'])
          for (const copy of copies.values()) expect(copy.equals(content)).toBe(true)
          await fanOut.close()
        },
      ),
      { numRuns: 25 },
    )
  })

  it('one fails: it is given up, its uploads are aborted, the others have every byte', async () => {
    await using folder = await temporaryFolder('fan-out')
    const { stores, targets } = await world(folder.path, {
      fine: {},
      failing: {
        onPart: async count => {
          if (count === 3) throw new AppError('object-store.denied')
        },
      },
    })
    const told: string[] = []
    const fanOut = new FanOutStore({
      targets,
      minCopies: 1,
      patience: 1_000,
      clock: systemClock,
      onGivenUp: (name, error) => told.push(`${name} ${error.code}`),
    })
    const content = Buffer.alloc(5_500, 7)
    const writer = writerOf(fanOut)
    await writer.open()
    await writer.write(content)
    const copies = await committed(fanOut, stores, await writer.finish())
    await fanOut.close()
    expect(told).toEqual(['failing object-store.denied'])
    expect(fanOut.active).toEqual(['fine'])
    expect([...copies.keys()]).toEqual(['fine'])
    expect(copies.get('fine')?.equals(content)).toBe(true)
    for (const store of stores.values()) expect(await uploads(store)).toEqual([])
  })

  it('one fails that is needed: the writer fails with its error, and nothing stays open anywhere', async () => {
    await using folder = await temporaryFolder('fan-out')
    const { stores, targets } = await world(folder.path, {
      fine: {},
      failing: {
        onPart: async () => {
          throw new AppError('object-store.denied')
        },
      },
    })
    const fanOut = new FanOutStore({ targets, minCopies: 2, patience: 1, clock: systemClock })
    const writer = writerOf(fanOut)
    await writer.open()
    await writer.write(Buffer.alloc(1_500))
    await expect(writer.finish()).rejects.toMatchObject({ code: 'object-store.denied' })
    expect(await writer.abort(AbortSignal.timeout(5_000))).toEqual([])
    for (const store of stores.values()) expect(await uploads(store)).toEqual([])
  })

  it('one cannot open the upload that is needed: those opened elsewhere are aborted', async () => {
    await using folder = await temporaryFolder('fan-out')
    const { stores, targets } = await world(folder.path, {
      fine: {},
      failing: {
        onCreate: async () => {
          throw new AppError('object-store.denied')
        },
      },
    })
    const fanOut = new FanOutStore({ targets, minCopies: 2, patience: 1, clock: systemClock })
    const writer = writerOf(fanOut)
    await expect(writer.open()).rejects.toMatchObject({ code: 'object-store.denied' })
    expect(await writer.abort(AbortSignal.timeout(5_000))).toEqual([])
    for (const store of stores.values()) expect(await uploads(store)).toEqual([])
  })

  it('a slow, a failing and a fine one: the slow one is given up when its patience is used up, not before', async () => {
    await using folder = await temporaryFolder('fan-out')
    const clock = new TestClock()
    const { stores, targets, partsAt } = await world(folder.path, {
      slow: { onPart: hang },
      failing: {
        onPart: async count => {
          if (count === 2) throw new AppError('object-store.failed')
        },
      },
      fine: {},
    })
    const fanOut = new FanOutStore({ targets, minCopies: 1, patience: 60_000, clock })
    const content = Buffer.alloc(3_300, 3)
    const writer = writerOf(fanOut)
    await writer.open()
    await writer.write(content.subarray(0, 1_000))
    await partsAt('fine', 1)
    // its first part hangs, but the dump has not come with the next one yet: nobody waits for it
    clock.pass(600_000)
    await settledTurns()
    expect(fanOut.active).toContain('slow')
    const rest = writer.write(content.subarray(1_000))
    await settledTurns()
    clock.pass(59_999)
    await settledTurns()
    expect(fanOut.active).toContain('slow')
    clock.pass(1)
    await rest
    const copies = await committed(fanOut, stores, await writer.finish())
    expect(fanOut.givenUp.map(each => `${each.destination} ${each.error.code}`).sort()).toEqual([
      'failing object-store.failed',
      'slow copy.lagging',
    ])
    expect([...copies.keys()]).toEqual(['fine'])
    expect(copies.get('fine')?.equals(content)).toBe(true)
    await fanOut.close()
    for (const store of stores.values()) expect(await uploads(store)).toEqual([])
  })

  it('the time one holds the dump up is added up over its parts', async () => {
    await using folder = await temporaryFolder('fan-out')
    const clock = new TestClock()
    let release = () => {}
    const { targets, partsAt } = await world(folder.path, {
      fine: {},
      slow: {
        onPart: () =>
          new Promise(resolve => {
            release = resolve
          }),
      },
    })
    const fanOut = new FanOutStore({ targets, minCopies: 1, patience: 1_000, clock })
    const writer = writerOf(fanOut)
    await writer.open()
    const writing = writer.write(Buffer.alloc(5 * partSize))
    for (const [index, active] of [true, true, false].entries()) {
      await partsAt('fine', index + 1)
      clock.pass(400)
      await settledTurns()
      expect(fanOut.active.includes('slow'), `after ${clock.mono} ms`).toBe(active)
      release()
    }
    await writing
    await writer.finish()
    await fanOut.close()
  })

  it('one that is needed is waited for, however long', async () => {
    await using folder = await temporaryFolder('fan-out')
    const clock = new TestClock()
    let release = () => {}
    const { targets } = await world(folder.path, {
      fine: {},
      slow: {
        onPart: () =>
          new Promise(resolve => {
            release = resolve
          }),
      },
    })
    const fanOut = new FanOutStore({ targets, minCopies: 2, patience: 1_000, clock })
    const writer = writerOf(fanOut)
    await writer.open()
    await writer.write(Buffer.alloc(partSize))
    const ending = writer.finish()
    await settledTurns()
    clock.pass(1e9)
    await settledTurns()
    expect(fanOut.active).toEqual(['fine', 'slow'])
    release()
    await ending
    await fanOut.close()
  })
})
