import { createHash } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import type { ObjectInfo, ObjectKey, ObjectStore, OpenUpload, PartReceipt } from '../port.ts'
import type { S3Profile } from '../profile.ts'
import { brief, type RetryPolicy } from '../retry.ts'
import { readObject } from './read.ts'
import { base64, S3Requests, type S3StoreOptions } from './requests.ts'

/** How many deletes run at once. DeleteObjects would need a body checksum that some stores refuse. */
const deletesAtOnce = 8

/** The object store port over S3. Every operation is retried here, by its own rules; the SDK tries once. */
export class S3Store implements ObjectStore {
  readonly url: string
  readonly capabilities: S3Profile
  readonly #requests: S3Requests
  /** How patient `check` is: a person waits for it. */
  readonly #checkRetry: RetryPolicy

  constructor(options: S3StoreOptions) {
    this.#requests = new S3Requests(options)
    this.#checkRetry = options.retry ?? brief
    this.capabilities = options.profile
    this.url = `s3://${options.bucket}${options.prefix === '' ? '' : `/${options.prefix}`}`
  }

  async check(signal?: AbortSignal): Promise<void> {
    // A listing, not HeadBucket: its error has a body that tells a missing bucket from a wrong secret.
    await this.#requests.send('check', undefined, signal, { policy: this.#checkRetry }, abort =>
      this.#requests.client.send(
        new ListObjectsV2Command({
          Bucket: this.#requests.bucket,
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
    const { profile } = this.#requests
    const conditional = options.ifAbsent === true && profile.conditionalPut
    if (options.ifAbsent === true && !conditional) {
      const stored = await this.head(key, signal)
      if (stored !== undefined) return this.#demandEqual(key, bytes, signal)
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const command = new PutObjectCommand({
      ...this.#requests.place(key),
      ...this.#requests.checksum(sha256),
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
            Bucket: this.#requests.bucket,
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
    const pending = [...keys]
    const worker = async () => {
      for (let key = pending.shift(); key !== undefined; key = pending.shift()) {
        const place = this.#requests.place(key)
        await this.#requests.send('delete', key, signal, { missingIsFine: true }, abort =>
          this.#requests.client.send(new DeleteObjectCommand(place), abort),
        )
      }
    }
    await Promise.all(Array.from({ length: Math.min(deletesAtOnce, keys.length) }, worker))
  }

  async createUpload(key: ObjectKey, signal?: AbortSignal): Promise<OpenUpload> {
    let tries = 0
    const reply = await this.#requests.send('create-upload', key, signal, {}, abort => {
      tries++
      return this.#requests.client.send(
        new CreateMultipartUploadCommand({
          ...this.#requests.place(key),
          ContentType: 'application/octet-stream',
          ...(this.#requests.profile.checksums ? { ChecksumAlgorithm: 'SHA256' as const } : {}),
        }),
        abort,
      )
    })
    const upload = { key, uploadId: reply.UploadId ?? '' }
    // A try whose reply was lost may have opened another one, which nobody would ever own.
    if (tries > 1) await this.#abortOthers(upload, signal)
    return upload
  }

  async uploadPart(
    upload: OpenUpload,
    number: number,
    bytes: Uint8Array,
    sha256: string,
    signal?: AbortSignal,
  ): Promise<PartReceipt> {
    const command = new UploadPartCommand({
      ...this.#requests.place(upload.key),
      ...this.#requests.checksum(sha256),
      UploadId: upload.uploadId,
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.length,
    })
    const reply = await this.#requests.send('upload-part', upload.key, signal, {}, abort =>
      this.#requests.hashed(command, sha256, abort),
    )
    if (reply.ETag === undefined)
      throw new AppError('object-store.failed', {
        message: 'the object store took a part and gave no receipt',
        context: { key: upload.key, part: number },
      })
    return { number, size: bytes.length, sha256, etag: reply.ETag }
  }

  async completeUpload(
    upload: OpenUpload,
    parts: readonly PartReceipt[],
    signal?: AbortSignal,
  ): Promise<void> {
    const size = parts.reduce((sum, part) => sum + part.size, 0)
    const place = { ...this.#requests.place(upload.key), UploadId: upload.uploadId }
    const command = new CompleteMultipartUploadCommand({
      ...place,
      MultipartUpload: {
        Parts: parts.map(part => ({
          PartNumber: part.number,
          ETag: part.etag,
          ...(this.#requests.profile.checksums ? { ChecksumSHA256: base64(part.sha256) } : {}),
        })),
      },
    })
    let tries = 0
    let gone: AppError | undefined
    try {
      await this.#requests.send('complete-upload', upload.key, signal, {}, async abort => {
        // Is it still there to be completed? Ceph answers 500 "already in progress" for one that is gone.
        if (tries++ > 0)
          await this.#requests.client.send(new ListPartsCommand({ ...place, MaxParts: 1 }), abort)
        await this.#requests.client.send(command, abort)
      })
    } catch (thrown) {
      const code = thrown instanceof AppError ? thrown.code : undefined
      // Ceph calls a missing upload a missing key.
      if (code !== 'object-store.upload-gone' && code !== 'object-store.not-found') throw thrown
      gone = new AppError('object-store.upload-gone', {
        context: { ...AppError.from(thrown).context },
        cause: thrown,
      })
    }
    const stored = await this.head(upload.key, signal)
    if (stored?.size === size) return
    if (gone !== undefined) throw gone
    throw new AppError('object-store.corrupt', {
      message: 'the completed object has another size than its parts',
      context: {
        operation: 'complete-upload',
        bucket: this.#requests.bucket,
        key: upload.key,
        expected_bytes: size,
        stored_bytes: stored?.size ?? 'none',
      },
    })
  }

  async abortUpload(upload: OpenUpload, signal?: AbortSignal): Promise<void> {
    await this.#requests.send('abort-upload', upload.key, signal, { missingIsFine: true }, abort =>
      this.#requests.client.send(
        new AbortMultipartUploadCommand({ ...this.#requests.place(upload.key), UploadId: upload.uploadId }),
        abort,
      ),
    )
  }

  async *listUploads(prefix: string, signal?: AbortSignal): AsyncIterable<OpenUpload> {
    let marker: { KeyMarker: string; UploadIdMarker?: string } | undefined
    do {
      const page = await this.#requests.send('list-uploads', undefined, signal, {}, abort =>
        this.#requests.client.send(
          new ListMultipartUploadsCommand({
            Bucket: this.#requests.bucket,
            Prefix: this.#requests.base + prefix,
            ...marker,
          }),
          abort,
        ),
      )
      for (const { Key, UploadId } of page.Uploads ?? []) {
        const key = this.#requests.keyOf(Key)
        if (key !== undefined && UploadId !== undefined) yield { key, uploadId: UploadId }
      }
      marker =
        page.IsTruncated === true && page.NextKeyMarker !== undefined
          ? {
              KeyMarker: page.NextKeyMarker,
              ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }),
            }
          : undefined
    } while (marker !== undefined)
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

  async #abortOthers(ours: OpenUpload, signal: AbortSignal | undefined): Promise<void> {
    try {
      for await (const other of this.listUploads(ours.key, signal))
        if (other.key === ours.key && other.uploadId !== ours.uploadId) await this.abortUpload(other, signal)
    } catch (thrown) {
      this.#requests.log.warn('an upload opened by a lost request may be left over', {
        key: ours.key,
        error: thrown,
      })
    }
  }
}
