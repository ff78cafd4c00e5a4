import { createHash, type Hash } from 'node:crypto'
import { AppError } from '../../../shared/errors/index.ts'
import type { ObjectKey, OpenUpload, PartReceipt } from '../../../shared/object-store/port.ts'
import type { PartBudget } from '../part-budget.ts'
import type { PressableStore } from './fan-out-store.ts'
import { PartBuffers } from './part-buffers.ts'

/** An object whose parts are all stored, not yet completed: the commit protocol does that, last and together. */
export interface PendingObject {
  readonly key: ObjectKey
  readonly uploadId: string
  readonly size: number
  readonly parts: readonly PartReceipt[]
}

/** What a writer needs of a store: a place for parts. A staging folder is one too. */
export type PartStore = Pick<
  PressableStore,
  'capabilities' | 'createUpload' | 'uploadPart' | 'abortUpload' | 'listUploads' | 'heldUp'
> & {
  /** Takes the parts of an object one after the other, as they come. */
  readonly serial?: boolean
}

export interface ObjectWriterOptions {
  /** One destination, or several behind one face (`FanOutStore`). */
  readonly store: PartStore
  readonly keyOf: (objectIndex: number) => ObjectKey
  readonly partSize: number
  /** From which there may be more than the two buffers the caller has reserved; absent: one part on its way at a time. */
  readonly budget?: PartBudget
  readonly signal: AbortSignal
  /** Awaited after an upload was opened and before its first part (journal). */
  readonly onUploadOpened?: ((upload: OpenUpload) => Promise<void>) | undefined
  readonly onUploadClosed?: ((upload: OpenUpload, how: 'aborted') => Promise<void>) | undefined
  readonly onStored?: ((bytes: number) => void) | undefined
  /** Told at once when a part cannot be stored, since the stream may be silent then. */
  readonly onFailure: (thrown: unknown) => void
}

interface Opened {
  readonly upload: OpenUpload
  /** Parts that were begun, which get their numbers in the order of the stream. */
  begun: number
  /** By part number less one; whole when nothing is on its way. */
  readonly parts: PartReceipt[]
}

/**
 * Writes a byte stream of unknown length as equal parts, rolling to a further object at the store's part
 * limit. Has two part buffers, one filling while the other is sent, and more while the budget has them to spare: a
 * store that is far away takes several parts of a stream at once. Memory is bounded by the budget, and a slow store
 * holds the stream back (ADR 0162).
 */
export class ObjectWriter {
  readonly #options: ObjectWriterOptions
  readonly #objects: Opened[] = []
  readonly #keys = new Set<ObjectKey>()
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #buffers: PartBuffers
  /** Parts on their way, and an upload that is being opened. None of them rejects. */
  readonly #underWay = new Set<Promise<void>>()
  #filling: Buffer
  #filled = 0
  #hash: Hash = createHash('sha256')
  #failure: { readonly thrown: unknown } | undefined
  #bytes = 0
  #storedBytes = 0

  constructor(options: ObjectWriterOptions) {
    this.#options = options
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal])
    this.#buffers = new PartBuffers(options.partSize, options.budget)
    this.#filling = this.#buffers.take() ?? Buffer.allocUnsafeSlow(options.partSize)
  }

  /** Bytes taken in. */
  get bytes(): number {
    return this.#bytes
  }

  /** Opens the first object, so that a bucket that refuses is known before the database is touched. */
  async open(): Promise<void> {
    await this.#nextObject()
  }

  /** Copies a chunk in. A promise is given when there is no room for more until it resolves. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    const taken = chunk.subarray(0, this.#options.partSize - this.#filled)
    this.#filling.set(taken, this.#filled)
    this.#hash.update(taken)
    this.#filled += taken.length
    this.#bytes += taken.length
    if (this.#filled < this.#options.partSize) return undefined
    const rest = chunk.subarray(taken.length)
    return this.#send().then(() => (rest.length === 0 ? undefined : this.write(rest)))
  }

  /** Sends what is left and waits for everything. An empty stream is one object of one empty part. */
  async finish(): Promise<readonly PendingObject[]> {
    if (this.#filled > 0 || this.#bytes === 0) await this.#send()
    while (this.#underWay.size > 0) {
      this.#demandHealth()
      await this.#oneArrived()
    }
    this.#demandHealth()
    return this.#objects.map(({ upload, parts }) => ({
      ...upload,
      size: parts.reduce((sum, part) => sum + part.size, 0),
      parts,
    }))
  }

  /**
   * Aborts every upload it opened, with the caller's *fresh* signal. Returns those that could not be
   * aborted: they stay in the journal for a keeper.
   */
  async abort(signal: AbortSignal): Promise<readonly OpenUpload[]> {
    this.#stop.abort(new AppError('interrupted'))
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    const left: OpenUpload[] = []
    for (const upload of [...this.#objects.map(object => object.upload), ...(await this.#unknown(signal))]) {
      try {
        await this.#options.store.abortUpload(upload, signal)
        await this.#options.onUploadClosed?.(upload, 'aborted')
      } catch {
        left.push(upload)
      }
    }
    return left
  }

  /** Uploads of our keys that the store opened although its reply never reached us. */
  async #unknown(signal: AbortSignal): Promise<readonly OpenUpload[]> {
    if (this.#keys.size === this.#objects.length) return []
    const known = new Set(this.#objects.map(object => object.upload.uploadId))
    const found: OpenUpload[] = []
    try {
      for (const key of this.#keys)
        for await (const upload of this.#options.store.listUploads(key, signal))
          if (upload.key === key && !known.has(upload.uploadId)) found.push(upload)
    } catch {
      // The store is away: the journal's prefix, or a keeper, finds them later.
    }
    return found
  }

  /** Gives its buffers back. After `finish` or `abort`. */
  close(): void {
    this.#buffers.putBack(this.#filling)
    this.#filling = Buffer.alloc(0)
    this.#buffers.close()
  }

  /** Sends the filled buffer on its way once there is another one to fill. */
  async #send(): Promise<void> {
    const next = await this.#nextBuffer()
    const object = await this.#roomyObject()
    const buffer = this.#filling
    const bytes = buffer.subarray(0, this.#filled)
    const sha256 = this.#hash.digest('hex')
    this.#filling = next
    this.#filled = 0
    this.#hash = createHash('sha256')
    this.#onItsWay(
      this.#store(object, ++object.begun, bytes, sha256).finally(() => this.#buffers.putBack(buffer)),
    )
  }

  async #nextBuffer(): Promise<Buffer> {
    for (;;) {
      this.#demandHealth()
      const wait = this.#options.store.serial === true && this.#underWay.size > 0
      const buffer = wait ? undefined : this.#buffers.take()
      if (buffer !== undefined) return buffer
      await this.#oneArrived()
    }
  }

  /** Waits for one of the parts that are on their way, and says so: the stream stands still meanwhile. */
  async #oneArrived(): Promise<void> {
    const released = this.#options.store.heldUp?.(this.#keys)
    try {
      await Promise.race(this.#underWay)
    } finally {
      released?.()
    }
  }

  #onItsWay(work: Promise<void>): void {
    const settled: Promise<void> = work
      .catch(thrown => {
        this.#failure ??= { thrown }
        this.#options.onFailure(thrown)
      })
      .finally(() => this.#underWay.delete(settled))
    this.#underWay.add(settled)
  }

  /** The object that takes the next part: a further one at the store's part limit. */
  async #roomyObject(): Promise<Opened> {
    const current = this.#objects.at(-1)
    if (current !== undefined && current.begun < this.#options.store.capabilities.maxParts) return current
    const opening = this.#nextObject()
    this.#onItsWay(opening.then(() => {}))
    return opening
  }

  async #store(object: Opened, number: number, bytes: Buffer, sha256: string): Promise<void> {
    const { store, onStored } = this.#options
    const receipt = await store.uploadPart(object.upload, number, bytes, sha256, this.#signal)
    object.parts[number - 1] = receipt
    this.#storedBytes += receipt.size
    onStored?.(this.#storedBytes)
  }

  async #nextObject(): Promise<Opened> {
    const { store, keyOf, onUploadOpened } = this.#options
    const key = keyOf(this.#objects.length)
    this.#keys.add(key)
    const upload = await store.createUpload(key, this.#signal)
    const object: Opened = { upload, begun: 0, parts: [] }
    // Ours from here on, even when the journal cannot take it: abort must find it.
    this.#objects.push(object)
    await onUploadOpened?.(upload)
    return object
  }

  #demandHealth(): void {
    this.#stop.signal.throwIfAborted()
    if (this.#failure !== undefined) throw this.#failure.thrown
  }
}
