import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { objectKey, openObjectStore } from '../../../shared/object-store/index.ts'
import { bytesOf, listed, opened, sha256, uploaded } from '../../conformance/object-store.ts'
import { type TemporaryFolder, temporaryFolder } from '../../harness/index.ts'

let folder: TemporaryFolder
beforeEach(async () => {
  folder = await temporaryFolder('directory-store')
})
afterEach(() => folder.remove())

const open = (path = folder.path) => openObjectStore({ url: `file://${path}`, profile: 'directory' })

describe('a directory store', () => {
  it('does not make its folder: a missing mount must not fill the root disk', async () => {
    const store = open(join(folder.path, 'not-mounted'))
    for (const attempt of [
      () => store.check(),
      () => store.put(objectKey('v1/x'), Buffer.from('x')),
      () => store.createUpload(objectKey('v1/x')),
      () => listed(store, ''),
      () => bytesOf(store, objectKey('v1/x')),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'object-store.bucket-missing' })
    expect(await readdir(folder.path)).toEqual([])
  })

  it('refuses a destination that is a file', async () => {
    const path = join(folder.path, 'file')
    await writeFile(path, 'x')
    await expect(open(path).check()).rejects.toMatchObject({ code: 'object-store.bucket-missing' })
  })

  it('keeps uploads and temporary files out of listings, and takes no key among them', async () => {
    const store = open()
    const upload = await store.createUpload(objectKey('v1/a'))
    await uploaded(store, upload, Buffer.from('abc'), 2)
    await store.put(objectKey('v1/b'), Buffer.from('b'))
    expect(await listed(store, '')).toEqual(['v1/b'])
    await expect(store.put(objectKey('.holdfast/x'), Buffer.from('x'))).rejects.toThrow(TypeError)
    await expect(store.createUpload(objectKey('.holdfast/x'))).rejects.toThrow(TypeError)
  })

  it('leaves nothing of an aborted upload, nor of a completed one but its object', async () => {
    const store = open()
    const aborted = await store.createUpload(objectKey('v1/a'))
    await uploaded(store, aborted, Buffer.from('abc'), 2)
    await store.abortUpload(aborted)
    const upload = await store.createUpload(objectKey('v1/b'))
    await store.completeUpload(upload, await uploaded(store, upload, Buffer.from('abc'), 2))
    expect(await readdir(join(folder.path, '.holdfast', 'uploads'))).toEqual([])
  })

  it('completes again after a crash between the rename and the clean-up', async () => {
    const store = open()
    const upload = await store.createUpload(objectKey('v1/b'))
    const parts = await uploaded(store, upload, Buffer.from('abcde'), 2)
    await mkdir(join(folder.path, 'v1'), { recursive: true })
    await rename(
      join(folder.path, '.holdfast', 'uploads', upload.uploadId, 'data'),
      join(folder.path, 'v1', 'b'),
    )
    await store.completeUpload(upload, parts)
    expect((await bytesOf(store, upload.key)).toString()).toBe('abcde')
    expect(await opened(store, '')).toEqual([])
  })

  it('refuses to complete parts of unequal size, as the stores do that want them equal', async () => {
    const store = open()
    const upload = await store.createUpload(objectKey('v1/b'))
    const put = (n: number, text: string) =>
      store.uploadPart(upload, n, Buffer.from(text), sha256(Buffer.from(text)))
    const parts = [await put(1, 'aaa'), await put(2, 'b'), await put(3, 'ccc')]
    await expect(store.completeUpload(upload, parts)).rejects.toMatchObject({ code: 'object-store.failed' })
    expect(await store.head(upload.key)).toBeUndefined()
  })

  it('says when it may not write', async () => {
    await mkdir(join(folder.path, 'v1'))
    await writeFile(join(folder.path, 'v1', 'x'), 'a file where a folder should be')
    await expect(open().put(objectKey('v1/x/y'), Buffer.from('x'))).rejects.toMatchObject({
      code: expect.stringMatching(/^object-store\./),
      context: { operation: 'put', key: 'v1/x/y' },
    })
    await rm(join(folder.path, 'v1'), { recursive: true })
  })
})
