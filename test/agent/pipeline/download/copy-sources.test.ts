import { createHash } from 'node:crypto'
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CopySources, type ObjectSource } from '../../../../agent/pipeline/download/copy-sources.ts'
import { verifiedParts } from '../../../../agent/pipeline/download/verified-parts.ts'
import { AppError } from '../../../../shared/errors/index.ts'
import type { ManifestObject } from '../../../../shared/model/manifest.ts'
import { openDirectoryStore } from '../../../../shared/object-store/directory.ts'
import { temporaryFolder } from '../../../harness/index.ts'

const never = new AbortController().signal
const partSize = 1_000

/** The same two objects of three parts each in two folders, and a manifest of them. */
async function copies(root: string) {
  const content = [1, 2].map(n => Buffer.concat([1, 2, 3].map(part => Buffer.alloc(partSize, n * 10 + part))))
  const objects: ManifestObject[] = []
  for (const [index, bytes] of content.entries()) {
    const key = `data/${index}`
    for (const name of ['near', 'far']) {
      await mkdir(join(root, name, 'data'), { recursive: true })
      await writeFile(join(root, name, key), bytes)
    }
    objects.push({
      key,
      size: String(bytes.length),
      parts: [0, 1, 2].map(part => ({
        size: partSize,
        sha256: createHash('sha256')
          .update(bytes.subarray(part * partSize, (part + 1) * partSize))
          .digest('hex'),
      })),
    })
  }
  const told: string[] = []
  const source = (near: ObjectSource = openDirectoryStore(join(root, 'near'))) =>
    new CopySources(
      [
        { name: 'near', store: near },
        { name: 'far', store: openDirectoryStore(join(root, 'far')) },
      ],
      (from, to, error) => told.push(`${from} > ${to}: ${error.code}`),
    )
  return { content: Buffer.concat(content), objects, source, told }
}

async function read(objects: readonly ManifestObject[], source: ObjectSource): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of verifiedParts(objects, source, never)) parts.push(part)
  return Buffer.concat(parts)
}

describe('a download falls back to the healthy copy, and only verified parts are passed on, when', () => {
  it('both copies lack the same object: the first cause is thrown, and who was tried', async () => {
    await using folder = await temporaryFolder('sources')
    const { objects, source } = await copies(folder.path)
    for (const name of ['near', 'far']) await rm(join(folder.path, name, 'data/1'))
    await expect(read(objects, source())).rejects.toMatchObject({
      code: 'backup.incomplete',
      context: {
        key: 'data/1',
        copies_tried: [/^near: /, /^far: /].map(each => expect.stringMatching(each)),
      },
    })
  })

  it('there is one copy only: its own error, as ever', async () => {
    await using folder = await temporaryFolder('sources')
    const { objects } = await copies(folder.path)
    await truncate(join(folder.path, 'near/data/0'), 10)
    const error = await read(objects, openDirectoryStore(join(folder.path, 'near'))).catch(thrown => thrown)
    expect(error).toMatchObject({ code: 'backup.corrupt' })
    expect(error.context).not.toHaveProperty('copies_tried')
  })

  it('an object is missing in the first', async () => {
    await using folder = await temporaryFolder('sources')
    const { content, objects, source, told } = await copies(folder.path)
    await rm(join(folder.path, 'near/data/1'))
    expect((await read(objects, source())).equals(content)).toBe(true)
    expect(told).toEqual(['near > far: backup.incomplete'])
  })

  it('a part is other than it was in the first', async () => {
    await using folder = await temporaryFolder('sources')
    const { content, objects, source, told } = await copies(folder.path)
    const rotten = Buffer.from(content.subarray(0, 3 * partSize))
    rotten[1_500] = 0
    await writeFile(join(folder.path, 'near/data/0'), rotten)
    expect((await read(objects, source())).equals(content)).toBe(true)
    expect(told).toEqual(['near > far: backup.corrupt'])
  })

  it('each copy has another damage: between them they are whole', async () => {
    await using folder = await temporaryFolder('sources')
    const { content, objects, source } = await copies(folder.path)
    const rot = (at: number) => {
      const bytes = Buffer.from(content.subarray(0, 3 * partSize))
      bytes[at] = 0
      return bytes
    }
    await writeFile(join(folder.path, 'near/data/0'), rot(500))
    await writeFile(join(folder.path, 'far/data/0'), rot(2_500))
    expect((await read(objects, source())).equals(content)).toBe(true)
  })

  it('the first is out of reach: it is asked once, not for every part', async () => {
    await using folder = await temporaryFolder('sources')
    const { content, objects, source, told } = await copies(folder.path)
    let asked = 0
    const away: ObjectSource = {
      head: async () => {
        asked++
        throw new AppError('object-store.unreachable')
      },
      read: () => {
        asked++
        throw new AppError('object-store.unreachable')
      },
    }
    expect((await read(objects, source(away))).equals(content)).toBe(true)
    expect(asked).toBe(1)
    expect(told).toEqual(['near > far: object-store.unreachable'])
  })
})
