import { createHash } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../../shared/errors/index.ts'
import type {
  ObjectKey,
  ObjectStoreCapabilities,
  OpenUpload,
  PartReceipt,
} from '../../../shared/object-store/port.ts'

interface StagedFile {
  readonly file: FileHandle
  readonly path: string
  readonly parts: PartReceipt[]
  size: number
}

/**
 * Multipart uploads into one folder: what a stream is written to while it is staged, one file (0600) per upload,
 * cut as the store will want it.
 * Nothing is synced, for a crash throws it all away. Before each part it is made sure that the floor stands.
 */
export class StagedUploads {
  readonly url: string
  readonly capabilities: ObjectStoreCapabilities
  readonly #folder: string
  readonly #reserveBytes: number
  readonly #freeSpace: (folder: string) => Promise<number>
  readonly #files = new Map<string, StagedFile>()
  #opened = 0
  #bytes = 0

  constructor(options: {
    readonly folder: string
    readonly reserveBytes: number
    readonly capabilities: ObjectStoreCapabilities
    readonly freeSpace: (folder: string) => Promise<number>
  }) {
    this.url = `file://${options.folder}`
    this.capabilities = options.capabilities
    this.#folder = options.folder
    this.#reserveBytes = options.reserveBytes
    this.#freeSpace = options.freeSpace
  }

  /** Written so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** A part lies behind the one before it. */
  readonly serial = true

  async createUpload(key: ObjectKey): Promise<OpenUpload> {
    const uploadId = `staged-${this.#opened++}`
    const path = join(this.#folder, uploadId)
    await this.#writing(0, async () => {
      const file = await open(path, 'wx+', 0o600)
      this.#files.set(uploadId, { file, path, parts: [], size: 0 })
    })
    return { key, uploadId }
  }

  async uploadPart(
    { uploadId }: OpenUpload,
    number: number,
    bytes: Uint8Array,
    sha256: string,
  ): Promise<PartReceipt> {
    const staged = this.#of(uploadId)
    await this.#writing(bytes.length, async () => {
      for (let offset = 0; offset < bytes.length; ) {
        const { bytesWritten } = await staged.file.write(
          bytes,
          offset,
          bytes.length - offset,
          staged.size + offset,
        )
        offset += bytesWritten
      }
    })
    const receipt = { number, size: bytes.length, sha256, etag: '' }
    staged.size += bytes.length
    staged.parts.push(receipt)
    this.#bytes += bytes.length
    return receipt
  }

  /** Ends an upload and frees its bytes. */
  async abortUpload({ uploadId }: OpenUpload): Promise<void> {
    const staged = this.#files.get(uploadId)
    if (staged === undefined) return
    this.#files.delete(uploadId)
    await staged.file.close()
    await rm(staged.path, { force: true })
  }

  async *listUploads(): AsyncIterable<OpenUpload> {}

  /**
   * The parts as they were taken in, each with its hash looked at again.
   *
   * @throws AppError `object-store.corrupt` for bytes that changed on the disk
   */
  async *read({ uploadId, key }: OpenUpload): AsyncGenerator<Buffer> {
    const { file, parts } = this.#of(uploadId)
    let position = 0
    for (const { size, sha256, number } of parts) {
      const hash = createHash('sha256')
      for (const end = position + size; position < end; ) {
        const buffer = Buffer.allocUnsafe(Math.min(readChunk, end - position))
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
        if (bytesRead === 0) throw changed(key, number)
        position += bytesRead
        const chunk = buffer.subarray(0, bytesRead)
        hash.update(chunk)
        yield chunk
      }
      if (hash.digest('hex') !== sha256) throw changed(key, number)
    }
  }

  /** Closes every file. */
  async close(): Promise<void> {
    for (const { file } of this.#files.values()) await file.close().catch(() => {})
    this.#files.clear()
  }

  #of(uploadId: string): StagedFile {
    const staged = this.#files.get(uploadId)
    if (staged === undefined)
      throw new AppError('object-store.upload-gone', { context: { upload_id: uploadId } })
    return staged
  }

  async #writing(bytes: number, work: () => Promise<void>): Promise<void> {
    try {
      const free = await this.#freeSpace(this.#folder)
      if (free - bytes < this.#reserveBytes) throw this.#full({ needed_bytes: bytes, free_bytes: free })
      await work()
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException
      if (thrown instanceof AppError || code === undefined) throw thrown
      if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
        throw this.#full({ needed_bytes: bytes, detail: code }, thrown)
      throw new AppError('staging.unusable', {
        context: { folder: this.#folder, detail: code },
        cause: thrown,
      })
    }
  }

  #full(context: Readonly<Record<string, number | string>>, cause?: unknown): AppError {
    return new AppError('staging.full', {
      context: {
        ...context,
        staged_bytes: this.#bytes,
        reserve_bytes: this.#reserveBytes,
        folder: this.#folder,
      },
      cause,
    })
  }
}

const readChunk = 1024 * 1024

function changed(key: ObjectKey, part: number): AppError {
  return new AppError('object-store.corrupt', {
    message: 'what was staged is not what was written',
    hint: 'Look at the disk of the staging folder; the backup is made again.',
    context: { key, part },
  })
}
