import { createHash, randomUUID } from 'node:crypto'
import { access, open, readdir, readFile, rename, rm, stat, truncate } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../errors/index.ts'
import { makeFolder, syncFolder, writeAll, writeDurably } from './durable-file.ts'
import { type ObjectKey, type OpenUpload, objectKey, type PartReceipt } from './port.ts'

interface StoredPart {
  readonly size: number
  readonly sha256: string
}

/**
 * Multipart uploads in a folder. Parts of one upload are of equal size but the last, so each is written
 * straight to its place in one `data` file: completing is a rename, however large the object. A part that
 * comes before part 1 waits in a file of its own.
 */
export class DirectoryUploads {
  readonly #root: string
  readonly #folder: string

  /** @param root the store's folder; uploads lie in the hidden `folder` below it */
  constructor(root: string, folder: string) {
    this.#root = root
    this.#folder = folder
  }

  async create(key: ObjectKey): Promise<OpenUpload> {
    const upload = { key, uploadId: randomUUID() }
    const at = this.#of(upload)
    await makeFolder(at, this.#root)
    await (await open(join(at, 'data'), 'wx', 0o600)).close()
    await writeDurably(join(at, 'key'), Buffer.from(key), at)
    return upload
  }

  async put(upload: OpenUpload, number: number, bytes: Uint8Array, sha256: string): Promise<PartReceipt> {
    const at = this.#of(upload)
    await this.#demandOpen(upload)
    if (createHash('sha256').update(bytes).digest('hex') !== sha256)
      throw new AppError('object-store.corrupt', {
        message: 'the part does not match its hash',
        context: { key: upload.key, part: number },
      })
    const stride = number === 1 ? bytes.length : (await this.#part(upload, 1))?.size
    if (stride === undefined || bytes.length > stride)
      await writeDurably(join(at, `early-${number}`), bytes, at)
    else {
      await this.#place(upload, bytes, (number - 1) * stride)
      await rm(join(at, `early-${number}`), { force: true })
    }
    const record: StoredPart = { size: bytes.length, sha256 }
    await writeDurably(join(at, `part-${number}`), Buffer.from(JSON.stringify(record)), at)
    return { number, size: bytes.length, sha256, etag: sha256 }
  }

  /** Moves the data into place at `target`; the caller has made its folder. False when the upload is gone. */
  async complete(upload: OpenUpload, parts: readonly PartReceipt[], target: string): Promise<boolean> {
    const at = this.#of(upload)
    if (!(await exists(join(at, 'data')))) return false
    const stride = parts[0]?.size ?? 0
    let size = 0
    for (const [index, part] of parts.entries()) {
      const number = index + 1
      const stored = await this.#part(upload, number)
      if (part.number !== number || stored?.size !== part.size || stored.sha256 !== part.sha256)
        throw badParts(upload, `part ${number} is not the one stored`)
      if (part.size > stride || (part.size < stride && number < parts.length))
        throw badParts(upload, 'all parts but the last must be of equal size')
      const early = await readFile(join(at, `early-${number}`)).catch(() => undefined)
      if (early !== undefined) await this.#place(upload, early, (number - 1) * stride)
      size += part.size
    }
    if (parts.length === 0) throw badParts(upload, 'an object needs a part')
    await truncate(join(at, 'data'), size)
    await using data = await open(join(at, 'data'), 'r+')
    await data.sync()
    await rename(join(at, 'data'), target)
    await syncFolder(dirname(target))
    await rm(at, { recursive: true, force: true })
    return true
  }

  async abort(upload: OpenUpload): Promise<void> {
    await rm(this.#of(upload), { recursive: true, force: true })
  }

  /** Open uploads whose key begins with `prefix`, in key order. */
  async list(prefix: string): Promise<readonly OpenUpload[]> {
    const ids = await readdir(this.#folder).catch(() => [] as string[])
    const found: OpenUpload[] = []
    for (const uploadId of ids) {
      // No key yet, or no longer: being made or being removed just now.
      const key = await readFile(join(this.#folder, uploadId, 'key'), 'utf8').catch(() => undefined)
      if (key?.startsWith(prefix)) found.push({ key: objectKey(key), uploadId })
    }
    return found.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.uploadId < b.uploadId ? -1 : 1))
  }

  async #place(upload: OpenUpload, bytes: Uint8Array, position: number): Promise<void> {
    await using data = await open(join(this.#of(upload), 'data'), 'r+')
    await writeAll(data, bytes, position)
    await data.datasync()
  }

  async #part(upload: OpenUpload, number: number): Promise<StoredPart | undefined> {
    const text = await readFile(join(this.#of(upload), `part-${number}`), 'utf8').catch(() => undefined)
    return text === undefined ? undefined : (JSON.parse(text) as StoredPart)
  }

  async #demandOpen(upload: OpenUpload): Promise<void> {
    const known = await stat(join(this.#of(upload), 'data')).catch(() => undefined)
    if (known === undefined) throw uploadGone(upload)
  }

  #of(upload: OpenUpload): string {
    if (!/^[0-9a-f-]{36}$/.test(upload.uploadId)) throw uploadGone(upload)
    return join(this.#folder, upload.uploadId)
  }
}

/** The upload no longer exists. */
export function uploadGone(upload: OpenUpload): AppError {
  return new AppError('object-store.upload-gone', {
    context: { key: upload.key, upload_id: upload.uploadId },
  })
}

function badParts(upload: OpenUpload, detail: string): AppError {
  return new AppError('object-store.failed', { context: { key: upload.key, detail } })
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
