import { createHash } from 'node:crypto'
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import { checksumOf } from '../checksum.ts'
import type {
  CopySource,
  ObjectInfo,
  ObjectKey,
  ObjectStore,
  ObjectStoreCapabilities,
  OpenUpload,
  PartReceipt,
  Retention,
  Verified,
} from '../port.ts'
import { brief, type RetryPolicy } from '../retry.ts'
import { readObject } from './read.ts'
import { S3Requests, type S3StoreOptions } from './requests.ts'
import { retainObject } from './retention.ts'
import { copyObject, copySourceOf } from './server-copy.ts'
import { S3Uploads } from './uploads.ts'
import { checksumInput, keepingInput } from './wording.ts'

/** How many objects are deleted or locked at once. DeleteObjects would need a body checksum that some stores refuse. */
const atOnce = 8

/** The object store port over S3. Every operation is retried here, by its own rules; the SDK tries once. */
export class S3Store implements ObjectStore {
  readonly url: string
  readonly capabilities: ObjectStoreCapabilities
  readonly #requests: S3Requests
  readonly #uploads: S3Uploads
  /** How patient `check` is: a person waits for it. */
  readonly #checkRetry: RetryPolicy

  constructor(options: S3StoreOptions) {
    this.#requests = new S3Requests(options)
    this.#uploads = new S3Uploads(this.#requests)
    this.#checkRetry = options.retry ?? brief
    const { maxParts, minPartSize, maxPartSize, equalParts, conditionalPut, objectLock } = options.profile
    const { checksum } = this.#requests
    this.capabilities = {
      ...{ maxParts, minPartSize, maxPartSize, equalParts, conditionalPut, objectLock },
      checksum,
    }
    this.url = `s3://${options.bucket}${options.prefix === '' ? '' : `/${options.prefix}`}`
  }

  get retries(): number {
    return this.#requests.retries
  }

  async check(signal?: AbortSignal): Promise<void> {
    // A listing, not HeadBucket: its error has a body that tells a missing bucket from a wrong secret.
    await this.#requests.send('check', undefined, signal, { policy: this.#checkRetry }, abort =>
      this.#requests.client.send(
        new ListObjectsV2Command({
          ...this.#requests.bucketPlace(),
          Prefix: `${this.#requests.base}v1/`,
          MaxKeys: 1,
        }),
        abort,
      ),
    )
  }

  async put(
    key: ObjectKey,
    bytes: Uint8Array,
    options: {
      readonly ifAbsent?: boolean
      readonly contentType?: string
      readonly signal?: AbortSignal
    } = {},
  ): Promise<void> {
    const { signal } = options
    const { profile, checksum: mode, settings } = this.#requests
    const conditional = options.ifAbsent === true && profile.conditionalPut
    if (options.ifAbsent === true && !conditional) {
      const stored = await this.head(key, signal)
      if (stored !== undefined) return this.#demandEqual(key, bytes, signal)
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const command = new PutObjectCommand({
      ...this.#requests.place(key),
      ...keepingInput(settings, 'other'),
      ...checksumInput(mode, mode === 'none' ? undefined : checksumOf(mode, bytes, sha256)),
      Body: bytes,
      ContentLength: bytes.length,
      ContentType: options.contentType ?? 'application/octet-stream',
      ...(conditional ? { IfNoneMatch: '*' } : {}),
    })
    try {
      await this.#requests.send('put', key, signal, {}, abort =>
        this.#requests.hashed(command, sha256, abort),
      )
    } catch (thrown) {
      // Stored by a try whose reply was lost, or by someone else: the bytes tell (facts-databases §11).
      if (!(thrown instanceof AppError) || thrown.code !== 'object-store.exists') throw thrown
      await this.#demandEqual(key, bytes, signal)
    }
  }

  async head(key: ObjectKey, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    try {
      const found = await this.#requests.send('head', key, signal, {}, abort =>
        this.#requests.client.send(new HeadObjectCommand(this.#requests.place(key)), abort),
      )
      return {
        key,
        size: found.ContentLength ?? 0,
        modifiedAt: found.LastModified?.getTime() ?? 0,
        ...(found.ETag === undefined ? {} : { etag: found.ETag }),
      }
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.code === 'object-store.not-found') return undefined
      throw thrown
    }
  }

  read(
    key: ObjectKey,
    options: { readonly start?: number; readonly end?: number; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<Uint8Array> {
    return readObject(this.#requests, key, options)
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    let token: string | undefined
    do {
      const page = await this.#requests.send('list', undefined, signal, {}, abort =>
        this.#requests.client.send(
          new ListObjectsV2Command({
            ...this.#requests.bucketPlace(),
            Prefix: this.#requests.base + prefix,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
          abort,
        ),
      )
      for (const item of page.Contents ?? []) {
        const key = this.#requests.keyOf(item.Key)
        if (key === undefined) continue
        yield {
          key,
          size: item.Size ?? 0,
          modifiedAt: item.LastModified?.getTime() ?? 0,
          ...(item.ETag === undefined ? {} : { etag: item.ETag }),
        }
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  async delete(keys: readonly ObjectKey[], signal?: AbortSignal): Promise<void> {
    await each(keys, key =>
      this.#requests.send('delete', key, signal, { missingIsFine: true }, async abort => {
        await this.#requests.client.send(new DeleteObjectCommand(this.#requests.place(key)), abort)
      }),
    )
  }

  async retain(keys: readonly ObjectKey[], retention: Retention, signal?: AbortSignal): Promise<void> {
    if (!this.capabilities.objectLock)
      throw new AppError('object-store.unsupported', {
        message: 'this kind of store has no Object Lock',
        context: { bucket: this.#requests.bucket },
      })
    await each(keys, key => retainObject(this.#requests, key, retention, signal))
  }

  createUpload(key: ObjectKey, signal?: AbortSignal): Promise<OpenUpload> {
    return this.#uploads.create(key, signal)
  }

  uploadPart(
    upload: OpenUpload,
    number: number,
    bytes: Uint8Array,
    sha256: string,
    signal?: AbortSignal,
  ): Promise<PartReceipt> {
    return this.#uploads.putPart(upload, number, bytes, sha256, signal)
  }

  completeUpload(upload: OpenUpload, parts: readonly PartReceipt[], signal?: AbortSignal): Promise<Verified> {
    return this.#uploads.complete(upload, parts, signal)
  }

  abortUpload(upload: OpenUpload, signal?: AbortSignal): Promise<void> {
    return this.#uploads.abort(upload, signal)
  }

  copySource(key: ObjectKey): CopySource {
    return copySourceOf(this.#requests, key)
  }

  copyObject(
    key: ObjectKey,
    from: CopySource,
    partSizes: readonly number[],
    signal?: AbortSignal,
  ): Promise<void> {
    return copyObject(this.#requests, key, from, partSizes, signal)
  }

  listUploads(prefix: string, signal?: AbortSignal): AsyncIterable<OpenUpload> {
    return this.#uploads.list(prefix, signal)
  }

  async close(): Promise<void> {
    this.#requests.client.destroy()
  }

  async #demandEqual(key: ObjectKey, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const stored = await this.head(key, signal)
    const chunks: Uint8Array[] = []
    if (stored?.size === bytes.length)
      for await (const chunk of this.read(key, { ...(signal && { signal }) })) chunks.push(chunk)
    if (stored?.size !== bytes.length || !Buffer.concat(chunks).equals(bytes))
      throw new AppError('object-store.exists', { context: { bucket: this.#requests.bucket, key } })
  }
}

/** Does `work` for each, a few at a time; the first failure ends it. */
async function each(keys: readonly ObjectKey[], work: (key: ObjectKey) => Promise<void>): Promise<void> {
  const pending = [...keys]
  const worker = async () => {
    for (let key = pending.shift(); key !== undefined; key = pending.shift()) await work(key)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, keys.length) }, worker))
}
