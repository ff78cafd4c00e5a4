import { createHash, randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type ObjectKey,
  type ObjectStore,
  type OpenUpload,
  objectKey,
  type PartReceipt,
} from '../../shared/object-store/index.ts'

/** What a store under test is opened with; each call gives the same store, empty at the first. */
export interface StoreUnderTest {
  readonly store: ObjectStore
  /** Smallest part that may be followed by another, bytes. */
  readonly partSize: number
}

/** The one suite that every adapter of the object store port passes. */
export function objectStoreConformance(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as an object store`, () => {
    let store: ObjectStore
    let partSize: number
    beforeAll(async () => {
      ;({ store, partSize } = await open())
    })
    let next = 0
    const freshKey = (stem = 'v1/data/x~0/db'): ObjectKey => objectKey(`${stem}/${next++}/object.zst`)

    it('passes its check, and says where it is without secrets', async () => {
      await store.check()
      expect(store.url).toMatch(/^(s3|file):\/\//)
      expect(store.url).not.toContain('@')
    })

    describe('missing things', () => {
      it('have no head, cannot be read, and may be deleted', async () => {
        const key = freshKey()
        expect(await store.head(key)).toBeUndefined()
        await expect(bytesOf(store, key)).rejects.toMatchObject({ code: 'object-store.not-found' })
        await store.delete([key])
      })

      it('are not seen by a listing', async () => {
        expect(await listed(store, 'v1/none/')).toEqual([])
        expect(await opened(store, 'v1/none/')).toEqual([])
      })

      it('uploads may be aborted again, but take no part and complete nothing', async () => {
        const upload = await store.createUpload(freshKey())
        await store.abortUpload(upload)
        await store.abortUpload(upload)
        const bytes = randomBytes(10)
        await expect(store.uploadPart(upload, 1, bytes, sha256(bytes))).rejects.toMatchObject({
          code: 'object-store.upload-gone',
        })
        await expect(
          store.completeUpload(upload, [{ number: 1, size: 10, sha256: sha256(bytes), etag: '"0"' }]),
        ).rejects.toMatchObject({ code: 'object-store.upload-gone' })
      })
    })

    describe('put', () => {
      it.each([0, 1, 70_000])('keeps %i bytes as they are', async size => {
        const key = freshKey()
        const bytes = randomBytes(size)
        await store.put(key, bytes)
        expect(await store.head(key)).toMatchObject({ key, size })
        expect((await bytesOf(store, key)).equals(bytes)).toBe(true)
      })

      it('replaces what was there', async () => {
        const key = freshKey()
        await store.put(key, Buffer.from('one, longer'))
        await store.put(key, Buffer.from('two'))
        expect((await bytesOf(store, key)).toString()).toBe('two')
      })

      it('ifAbsent takes equal bytes for its own and refuses others, whatever their length', async () => {
        const key = freshKey()
        await store.put(key, Buffer.from('manifest'), { ifAbsent: true })
        await store.put(key, Buffer.from('manifest'), { ifAbsent: true })
        for (const other of ['manifesT', 'manifest+', ''])
          await expect(store.put(key, Buffer.from(other), { ifAbsent: true })).rejects.toMatchObject({
            code: 'object-store.exists',
          })
        expect((await bytesOf(store, key)).toString()).toBe('manifest')
      })

      it('ifAbsent from many at once stores one of them', async () => {
        const key = freshKey()
        const ends = await Promise.allSettled(
          Array.from({ length: 6 }, (_, n) => store.put(key, Buffer.from(`writer ${n}`), { ifAbsent: true })),
        )
        const stored = (await bytesOf(store, key)).toString()
        const won = ends.flatMap((end, n) => (end.status === 'fulfilled' ? [`writer ${n}`] : []))
        if (store.capabilities.conditionalPut) expect(won).toEqual([stored])
        else expect(won).toContain(stored)
      })
    })

    describe('read', () => {
      it('gives ranges, end exclusive, and whole objects', async () => {
        const key = freshKey()
        const bytes = randomBytes(5_000)
        await store.put(key, bytes)
        for (const [start, end] of [
          [0, 1],
          [1, 4_999],
          [4_999, 5_000],
          [2_000, 2_000],
        ] as const)
          expect((await bytesOf(store, key, { start, end })).equals(bytes.subarray(start, end))).toBe(true)
        expect((await bytesOf(store, key, { start: 4_000 })).equals(bytes.subarray(4_000))).toBe(true)
        expect((await bytesOf(store, key, { end: 10 })).equals(bytes.subarray(0, 10))).toBe(true)
      })

      it('of more than there is fails: a short body is an error', async () => {
        const key = freshKey()
        await store.put(key, randomBytes(100))
        await expect(bytesOf(store, key, { start: 50, end: 101 })).rejects.toMatchObject({
          code: 'object-store.corrupt',
        })
        await expect(bytesOf(store, key, { start: 100, end: 101 })).rejects.toMatchObject({
          code: 'object-store.corrupt',
        })
      })

      it('may be left half-way', async () => {
        const key = freshKey()
        await store.put(key, randomBytes(300_000))
        for await (const chunk of store.read(key)) {
          expect(chunk.length).toBeGreaterThan(0)
          break
        }
        expect((await store.head(key))?.size).toBe(300_000)
      })
    })

    describe('list', () => {
      it('shows what begins with the prefix, in byte order of the keys, and not what is being uploaded', async () => {
        const stem = `v1/list-${next++}`
        const names = ['a_', 'a-b', 'a.b/c', 'a/b', 'a0', 'a~1', 'b/c/d', 'B'].map(name => `${stem}/${name}`)
        for (const key of names) await store.put(objectKey(key), Buffer.from(key))
        const upload = await store.createUpload(objectKey(`${stem}/uploading`))
        const all = await listed(store, `${stem}/`)
        expect(all).toEqual([...all].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
        expect(all).toHaveLength(names.length)
        expect(await listed(store, `${stem}/a/`)).toEqual([`${stem}/a/b`])
        expect(await listed(store, `${stem}/b/c`)).toEqual([`${stem}/b/c/d`])
        expect(await listed(store, `${stem}/a-`)).toEqual([`${stem}/a-b`])
        await store.abortUpload(upload)
      })

      it('forgets what was deleted', async () => {
        const keys = Array.from({ length: 12 }, () => freshKey('v1/deleted'))
        for (const key of keys) await store.put(key, Buffer.from('x'))
        await store.delete([...keys, freshKey()])
        expect(await listed(store, 'v1/deleted/')).toEqual([])
      })
    })

    describe('an upload', () => {
      it('becomes an object of all its parts, at once, when completed', async () => {
        const key = freshKey()
        const bytes = randomBytes(partSize * 2 + 17)
        const upload = await store.createUpload(key)
        const parts = await uploaded(store, upload, bytes, partSize)
        expect(await store.head(key)).toBeUndefined()
        expect(['size', 'checksum']).toContain(await store.completeUpload(upload, parts))
        expect((await store.head(key))?.size).toBe(bytes.length)
        expect(sha256(await bytesOf(store, key))).toBe(sha256(bytes))
        expect(
          (await bytesOf(store, key, { start: partSize - 5, end: partSize + 5 })).equals(
            bytes.subarray(partSize - 5, partSize + 5),
          ),
        ).toBe(true)
        expect(await opened(store, key)).toEqual([])
      })

      it('takes its parts in any order, and a part again', async () => {
        const key = freshKey()
        const bytes = randomBytes(partSize * 2 + 17)
        const upload = await store.createUpload(key)
        const cut = (n: number) => bytes.subarray((n - 1) * partSize, n * partSize)
        const put = (n: number, part = cut(n)) => store.uploadPart(upload, n, part, sha256(part))
        await put(2, randomBytes(partSize))
        const third = await put(3)
        const second = await put(2)
        const first = await put(1)
        await store.completeUpload(upload, [first, second, third])
        expect(sha256(await bytesOf(store, key))).toBe(sha256(bytes))
      })

      it('of one empty part is an empty object', async () => {
        const key = freshKey()
        const upload = await store.createUpload(key)
        const part = await store.uploadPart(upload, 1, Buffer.alloc(0), sha256(Buffer.alloc(0)))
        await store.completeUpload(upload, [part])
        expect(await store.head(key)).toMatchObject({ size: 0 })
        expect((await bytesOf(store, key)).length).toBe(0)
      })

      it('completed a second time is a success: the reply to the first was lost', async () => {
        const key = freshKey()
        const upload = await store.createUpload(key)
        const parts = await uploaded(store, upload, randomBytes(1_000), partSize)
        await store.completeUpload(upload, parts)
        await store.completeUpload(upload, parts)
        expect((await store.head(key))?.size).toBe(1_000)
      })

      it('gone, with an object of another size under its key, is not a success', async () => {
        const key = freshKey()
        const upload = await store.createUpload(key)
        const parts = await uploaded(store, upload, randomBytes(1_000), partSize)
        await store.abortUpload(upload)
        await store.put(key, randomBytes(999))
        await expect(store.completeUpload(upload, parts)).rejects.toMatchObject({
          code: 'object-store.upload-gone',
        })
      })

      it('is listed while it is open, by prefix, until it is aborted', async () => {
        const stem = `v1/uploads-${next++}`
        const ours = await store.createUpload(objectKey(`${stem}/a/1`))
        const again = await store.createUpload(objectKey(`${stem}/a/1`))
        const other = await store.createUpload(objectKey(`${stem}/b/1`))
        await uploaded(store, ours, randomBytes(10), partSize)
        expect(ids(await opened(store, `${stem}/a/`))).toEqual(ids([ours, again]))
        expect(ids(await opened(store, `${stem}/`))).toEqual(ids([ours, again, other]))
        for (const upload of [ours, again, other]) await store.abortUpload(upload)
        expect(await opened(store, `${stem}/`)).toEqual([])
        expect(await store.head(ours.key)).toBeUndefined()
      })

      it('refuses a part that does not match its hash', async () => {
        const upload = await store.createUpload(freshKey())
        await expect(
          store.uploadPart(upload, 1, Buffer.from('sent'), sha256(Buffer.from('meant'))),
        ).rejects.toMatchObject({ code: 'object-store.corrupt' })
        await store.abortUpload(upload)
      })

      it('refuses to complete with a part that is not the one stored', async () => {
        const key = freshKey()
        const upload = await store.createUpload(key)
        const [part] = await uploaded(store, upload, randomBytes(100), partSize)
        if (part === undefined) throw new Error('no part')
        const forged = {
          ...part,
          etag: '"00000000000000000000000000000000"',
          sha256: sha256(Buffer.from('x')),
        }
        await expect(store.completeUpload(upload, [forged])).rejects.toMatchObject({
          code: expect.stringMatching(/^object-store\.(failed|corrupt)$/),
        })
        await expect(store.completeUpload(upload, [part, { ...part, number: 2 }])).rejects.toThrow()
        expect(await store.head(key)).toBeUndefined()
        await store.abortUpload(upload)
      })
    })

    it('retain of a store or bucket without Object Lock is refused, and never silently done', async () => {
      const key = freshKey()
      await store.put(key, Buffer.from('x'))
      await expect(
        store.retain([key], { mode: 'governance', until: Date.now() + 3_600_000 }),
      ).rejects.toMatchObject({ code: 'object-store.unsupported' })
      await store.delete([key])
      expect(await store.head(key)).toBeUndefined()
    })

    it('says what it can do: a profile’s limits are sound', () => {
      const { maxParts, minPartSize, maxPartSize } = store.capabilities
      expect(maxParts).toBeGreaterThanOrEqual(1_000)
      expect(minPartSize).toBeLessThanOrEqual(8 * 1024 * 1024)
      expect(maxPartSize).toBeGreaterThanOrEqual(64 * 1024 * 1024)
    })

    it('stops when told to, with the cause that was given', async () => {
      const signal = AbortSignal.abort(new TypeError('stop'))
      const key = freshKey()
      await expect(store.put(key, Buffer.from('x'), { signal })).rejects.toMatchObject({
        code: 'interrupted',
      })
      await expect(store.createUpload(key, signal)).rejects.toMatchObject({ code: 'interrupted' })
      await expect(bytesOf(store, key, { signal })).rejects.toMatchObject({ code: 'interrupted' })
      expect(await store.head(key)).toBeUndefined()
    })
  })
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export async function bytesOf(
  store: ObjectStore,
  key: ObjectKey,
  options: { start?: number; end?: number; signal?: AbortSignal } = {},
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.read(key, options)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export async function uploaded(
  store: ObjectStore,
  upload: OpenUpload,
  bytes: Buffer,
  partSize: number,
): Promise<readonly PartReceipt[]> {
  const parts: PartReceipt[] = []
  for (let start = 0; start < bytes.length; start += partSize) {
    const part = bytes.subarray(start, start + partSize)
    parts.push(await store.uploadPart(upload, parts.length + 1, part, sha256(part)))
  }
  return parts
}

export async function listed(store: ObjectStore, prefix: string): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys
}

export async function opened(store: ObjectStore, prefix: string): Promise<readonly OpenUpload[]> {
  const found: OpenUpload[] = []
  for await (const upload of store.listUploads(prefix)) found.push(upload)
  return found
}

function ids(uploads: readonly OpenUpload[]): readonly string[] {
  return uploads.map(({ key, uploadId }) => `${key} ${uploadId}`).sort()
}
