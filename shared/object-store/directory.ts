import { link, open, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { AppError } from '../errors/index.ts'
import { DirectoryUploads, uploadGone } from './directory-uploads.ts'
import { makeFolder, syncFolder, writeDurably, writeTemporary } from './durable-file.ts'
import {
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
  type ObjectStoreCapabilities,
  type OpenUpload,
  objectKey,
  type PartReceipt,
  type Verified,
} from './port.ts'

/** Holds uploads and temporary files; no key begins with it, and no listing shows it. */
const hidden = '.holdfast'
const readChunk = 1024 * 1024

/**
 * Objects as files below a folder, keys as paths: for air-gapped use, demos and tests. Everything is synced
 * before it counts; objects appear whole or not at all. The folder itself must exist: making it would fill
 * the root disk when a mount is missing.
 *
 * @param root absolute path
 */
export function openDirectoryStore(root: string, limits: { readonly maxParts?: number } = {}): ObjectStore {
  return new DirectoryStore(root, limits.maxParts ?? 10_000)
}

class DirectoryStore implements ObjectStore {
  readonly url: string
  readonly capabilities: ObjectStoreCapabilities
  readonly #root: string
  readonly #temporary: string
  readonly #uploads: DirectoryUploads

  constructor(root: string, maxParts: number) {
    this.#root = root
    this.url = pathToFileURL(root).href
    this.capabilities = {
      ...{ maxParts, minPartSize: 1, maxPartSize: 1024 ** 3, equalParts: true },
      ...{ conditionalPut: true, checksum: 'sha256', objectLock: false },
    }
    this.#temporary = join(root, hidden, 'temporary')
    this.#uploads = new DirectoryUploads(root, join(root, hidden, 'uploads'))
  }

  async check(signal?: AbortSignal): Promise<void> {
    await this.#guard('check', undefined, signal, async () => {
      const found = await stat(this.#root)
      if (!found.isDirectory())
        throw new AppError('object-store.bucket-missing', {
          message: 'the destination is not a folder',
          context: { folder: this.#root },
        })
      await readdir(this.#root)
    })
  }

  async put(
    key: ObjectKey,
    bytes: Uint8Array,
    options: { readonly ifAbsent?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    await this.#guard('put', key, options.signal, async () => {
      const path = this.#path(key)
      await makeFolder(dirname(path), this.#root)
      await makeFolder(this.#temporary, this.#root)
      if (options.ifAbsent !== true) return writeDurably(path, bytes, this.#temporary)
      const temporary = await writeTemporary(bytes, this.#temporary)
      try {
        await link(temporary, path)
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
        await this.#demandEqual(key, bytes)
      } finally {
        await rm(temporary, { force: true })
      }
      await syncFolder(dirname(path))
    })
  }

  async head(key: ObjectKey, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.#guard('head', key, signal, async () => {
      try {
        const found = await stat(this.#path(key))
        return found.isFile() ? { key, size: found.size, modifiedAt: Math.trunc(found.mtimeMs) } : undefined
      } catch (thrown) {
        const { code } = thrown as NodeJS.ErrnoException
        if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
        throw thrown
      }
    })
  }

  async *read(
    key: ObjectKey,
    options: { readonly start?: number; readonly end?: number; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<Uint8Array> {
    const { signal } = options
    const file = await this.#guard('read', key, signal, () => open(this.#path(key), 'r'))
    try {
      const end = options.end ?? (await file.stat()).size
      for (let position = options.start ?? 0; position < end; ) {
        const buffer = Buffer.allocUnsafe(Math.min(readChunk, end - position))
        const { bytesRead } = await this.#guard('read', key, signal, () =>
          file.read(buffer, 0, buffer.length, position),
        )
        if (bytesRead === 0)
          throw new AppError('object-store.corrupt', {
            message: 'the object is shorter than what was asked of it',
            context: { key, stored_bytes: position, wanted_bytes: end },
          })
        position += bytesRead
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    yield* this.#walk(folder, prefix, signal)
  }

  async delete(keys: readonly ObjectKey[], signal?: AbortSignal): Promise<void> {
    for (const key of keys)
      await this.#guard('delete', key, signal, async () => {
        await rm(this.#path(key), { force: true })
      })
  }

  async createUpload(key: ObjectKey, signal?: AbortSignal): Promise<OpenUpload> {
    this.#path(key)
    return this.#guard('create-upload', key, signal, () => this.#uploads.create(key))
  }

  async uploadPart(
    upload: OpenUpload,
    number: number,
    bytes: Uint8Array,
    sha256: string,
    signal?: AbortSignal,
  ): Promise<PartReceipt> {
    return this.#guard('upload-part', upload.key, signal, () =>
      this.#uploads.put(upload, number, bytes, sha256),
    )
  }

  async completeUpload(
    upload: OpenUpload,
    parts: readonly PartReceipt[],
    signal?: AbortSignal,
  ): Promise<Verified> {
    await this.#guard('complete-upload', upload.key, signal, async () => {
      const path = this.#path(upload.key)
      await makeFolder(dirname(path), this.#root)
      if (await this.#uploads.complete(upload, parts, path)) return
      // Gone: a crash after the rename, or someone aborted it. The stored size decides.
      const stored = await this.head(upload.key)
      if (stored?.size !== parts.reduce((sum, part) => sum + part.size, 0)) throw uploadGone(upload)
      await this.#uploads.abort(upload)
    })
    // each part was when it came; the object itself is not read again
    return 'size'
  }

  async retain(): Promise<void> {
    throw new AppError('object-store.unsupported', {
      message: 'a directory has no Object Lock',
      context: { folder: this.#root },
    })
  }

  async abortUpload(upload: OpenUpload, signal?: AbortSignal): Promise<void> {
    await this.#guard('abort-upload', upload.key, signal, () => this.#uploads.abort(upload))
  }

  async *listUploads(prefix: string, signal?: AbortSignal): AsyncIterable<OpenUpload> {
    yield* await this.#guard('list-uploads', undefined, signal, () => this.#uploads.list(prefix))
  }

  async close(): Promise<void> {}

  /** Objects below `folder` (ends in `/` or is empty) in byte order of their keys. */
  async *#walk(folder: string, prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    const entries = await this.#guard('list', undefined, signal, async () => {
      try {
        return await readdir(join(this.#root, folder), { withFileTypes: true })
      } catch (thrown) {
        const { code } = thrown as NodeJS.ErrnoException
        // Removed while we walk; but a missing root must not look like an empty bucket.
        if ((code === 'ENOENT' || code === 'ENOTDIR') && folder !== '') return []
        throw thrown
      }
    })
    const names = entries
      .filter(entry => !(folder === '' && entry.name === hidden))
      .map(entry => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    for (const name of names) {
      const key = folder + name
      if (name.endsWith('/')) {
        if (key.startsWith(prefix) || prefix.startsWith(key)) yield* this.#walk(key, prefix, signal)
      } else if (key.startsWith(prefix)) {
        const known = asKey(key)
        const found = known && (await this.head(known, signal))
        if (found !== undefined) yield found
      }
    }
  }

  async #demandEqual(key: ObjectKey, bytes: Uint8Array): Promise<void> {
    const stored = await this.head(key)
    const chunks: Uint8Array[] = []
    if (stored?.size === bytes.length) for await (const chunk of this.read(key)) chunks.push(chunk)
    if (stored?.size !== bytes.length || !Buffer.concat(chunks).equals(bytes))
      throw new AppError('object-store.exists', { context: { key } })
  }

  #path(key: ObjectKey): string {
    if (key === hidden || key.startsWith(`${hidden}/`)) throw new TypeError(`not an object key: ${key}`)
    return join(this.#root, key)
  }

  async #guard<T>(
    operation: string,
    key: ObjectKey | undefined,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    if (signal?.aborted)
      throw signal.reason instanceof AppError
        ? signal.reason
        : new AppError('interrupted', { cause: signal.reason })
    try {
      return await work()
    } catch (thrown) {
      throw await this.#translated(thrown, operation, key)
    }
  }

  async #translated(thrown: unknown, operation: string, key: ObjectKey | undefined): Promise<unknown> {
    const code = (thrown as NodeJS.ErrnoException).code
    if (thrown instanceof AppError || typeof code !== 'string') return thrown
    const context = { operation, folder: this.#root, ...(key === undefined ? {} : { key }), code }
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      return new AppError('object-store.denied', {
        hint: 'Check owner and permissions of the folder, and that it is not mounted read-only.',
        context,
        cause: thrown,
      })
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      const there = await stat(this.#root).catch(() => undefined)
      return there?.isDirectory()
        ? new AppError('object-store.not-found', { context, cause: thrown })
        : new AppError('object-store.bucket-missing', {
            message: 'the folder of the destination does not exist',
            hint: 'Create it, or mount it; Holdfast does not make it, since that would hide a missing mount.',
            context,
            cause: thrown,
          })
    }
    return new AppError('object-store.failed', {
      ...(code === 'ENOSPC' ? { message: 'the folder of the destination is full' } : {}),
      context,
      cause: thrown,
    })
  }
}

/** A file of a name that is no key was not put there by us, and is not shown. */
function asKey(text: string): ObjectKey | undefined {
  try {
    return objectKey(text)
  } catch {
    return undefined
  }
}
