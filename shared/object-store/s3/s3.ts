import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import type { Log } from '../../log/index.ts'
import {
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
  type OpenUpload,
  objectKey,
  type PartReceipt,
} from '../port.ts'
import type { S3Profile } from '../profile.ts'
import { brief, patient, type RetryPolicy, withRetries } from '../retry.ts'
import { bodyChunks } from './body.ts'
import { idleTimeoutMs } from './client.ts'
import { judge } from './judge.ts'

/** How many deletes run at once. DeleteObjects would need a body checksum that some stores refuse. */
const deletesAtOnce = 8

export interface S3StoreOptions {
  readonly client: S3Client
  readonly bucket: string
  /** Without slashes at either end; may be empty. */
  readonly prefix: string
  readonly profile: S3Profile
  readonly endpoint?: string | undefined
  readonly log: Log
  readonly retry?: RetryPolicy | undefined
  readonly idleMs?: number | undefined
}

/** The object store port over S3. Every operation is retried here, by its own rules; the SDK tries once. */
export class S3Store implements ObjectStore {
  readonly url: string
  readonly capabilities: S3Profile
  readonly #options: S3StoreOptions
  readonly #base: string
  readonly #retry: RetryPolicy

  constructor(options: S3StoreOptions) {
    this.#options = options
    this.#base = options.prefix === '' ? '' : `${options.prefix}/`
    this.#retry = options.retry ?? patient
    this.capabilities = options.profile
    this.url = `s3://${options.bucket}${options.prefix === '' ? '' : `/${options.prefix}`}`
  }

  async check(signal?: AbortSignal): Promise<void> {
    // A listing, not HeadBucket: its error has a body that tells a missing bucket from a wrong secret.
    await this.#send('check', undefined, signal, { policy: this.#options.retry ?? brief }, abort =>
      this.#options.client.send(
        new ListObjectsV2Command({ Bucket: this.#options.bucket, Prefix: `${this.#base}v1/`, MaxKeys: 1 }),
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
    const { profile } = this.#options
    const conditional = options.ifAbsent === true && profile.conditionalPut
    if (options.ifAbsent === true && !conditional) {
      const stored = await this.head(key, signal)
      if (stored !== undefined) return this.#demandEqual(key, bytes, signal)
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const command = new PutObjectCommand({
      ...this.#place(key),
      ...this.#checksum(sha256),
      Body: bytes,
      ContentLength: bytes.length,
      ContentType: options.contentType ?? 'application/octet-stream',
      ...(conditional ? { IfNoneMatch: '*' } : {}),
    })
    try {
      await this.#send('put', key, signal, {}, abort => this.#hashed(command, sha256, abort))
    } catch (thrown) {
      // Stored by a try whose reply was lost, or by someone else: the bytes tell (facts-databases §11).
      if (!(thrown instanceof AppError) || thrown.code !== 'object-store.exists') throw thrown
      await this.#demandEqual(key, bytes, signal)
    }
  }

  async head(key: ObjectKey, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    try {
      const found = await this.#send('head', key, signal, {}, abort =>
        this.#options.client.send(new HeadObjectCommand(this.#place(key)), abort),
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

  /** Reads on where a body broke off, as long as it is still the same object. */
  async *read(
    key: ObjectKey,
    options: { readonly start?: number; readonly end?: number; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<Uint8Array> {
    const { signal } = options
    let position = options.start ?? 0
    let end = options.end
    let etag: string | undefined
    let failures = 0
    while (end === undefined || position < end) {
      const from = position
      const range = end !== undefined ? `bytes=${from}-${end - 1}` : from > 0 ? `bytes=${from}-` : undefined
      const reply = await this.#send('read', key, signal, {}, abort =>
        this.#options.client.send(
          new GetObjectCommand({
            ...this.#place(key),
            ...(range === undefined ? {} : { Range: range }),
            ...(etag === undefined ? {} : { IfMatch: etag }),
          }),
          abort,
        ),
      )
      etag ??= reply.ETag
      const promised = reply.ContentLength ?? 0
      end ??= from + promised
      if (from + promised < end) throw this.#shortBody(key, from + promised, end)
      try {
        for await (const chunk of bodyChunks(
          reply.Body as Readable,
          this.#options.idleMs ?? idleTimeoutMs,
          signal,
        )) {
          if (position + chunk.length > end) throw this.#shortBody(key, position + chunk.length, end)
          position += chunk.length
          failures = 0
          yield chunk
        }
        if (position < end)
          throw new AppError('object-store.unreachable', { context: { key, detail: 'short body' } })
      } catch (thrown) {
        const { error, retryable } = judge(thrown, this.#about('read', key))
        if (signal?.aborted || !retryable || ++failures >= this.#retry.attempts)
          throw this.#abortOr(error, signal)
        this.#options.log.debug('a body broke off, reading on', { key, position, error })
      }
      if (end === 0) return
    }
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    let token: string | undefined
    do {
      const page = await this.#send('list', undefined, signal, {}, abort =>
        this.#options.client.send(
          new ListObjectsV2Command({
            Bucket: this.#options.bucket,
            Prefix: this.#base + prefix,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
          abort,
        ),
      )
      for (const item of page.Contents ?? []) {
        const key = this.#keyOf(item.Key)
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
        const place = this.#place(key)
        await this.#send('delete', key, signal, { missingIsFine: true }, abort =>
          this.#options.client.send(new DeleteObjectCommand(place), abort),
        )
      }
    }
    await Promise.all(Array.from({ length: Math.min(deletesAtOnce, keys.length) }, worker))
  }

  async createUpload(key: ObjectKey, signal?: AbortSignal): Promise<OpenUpload> {
    let tries = 0
    const reply = await this.#send('create-upload', key, signal, {}, abort => {
      tries++
      return this.#options.client.send(
        new CreateMultipartUploadCommand({
          ...this.#place(key),
          ContentType: 'application/octet-stream',
          ...(this.#options.profile.checksums ? { ChecksumAlgorithm: 'SHA256' as const } : {}),
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
      ...this.#place(upload.key),
      ...this.#checksum(sha256),
      UploadId: upload.uploadId,
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.length,
    })
    const reply = await this.#send('upload-part', upload.key, signal, {}, abort =>
      this.#hashed(command, sha256, abort),
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
    let gone: AppError | undefined
    try {
      await this.#send('complete-upload', upload.key, signal, {}, abort =>
        this.#options.client.send(
          new CompleteMultipartUploadCommand({
            ...this.#place(upload.key),
            UploadId: upload.uploadId,
            MultipartUpload: {
              Parts: parts.map(part => ({
                PartNumber: part.number,
                ETag: part.etag,
                ...(this.#options.profile.checksums ? { ChecksumSHA256: base64(part.sha256) } : {}),
              })),
            },
          }),
          abort,
        ),
      )
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.code !== 'object-store.upload-gone') throw thrown
      gone = thrown
    }
    const stored = await this.head(upload.key, signal)
    if (stored?.size === size) return
    if (gone !== undefined) throw gone
    throw new AppError('object-store.corrupt', {
      message: 'the completed object has another size than its parts',
      context: {
        operation: 'complete-upload',
        bucket: this.#options.bucket,
        key: upload.key,
        expected_bytes: size,
        stored_bytes: stored?.size ?? 'none',
      },
    })
  }

  async abortUpload(upload: OpenUpload, signal?: AbortSignal): Promise<void> {
    await this.#send('abort-upload', upload.key, signal, { missingIsFine: true }, abort =>
      this.#options.client.send(
        new AbortMultipartUploadCommand({ ...this.#place(upload.key), UploadId: upload.uploadId }),
        abort,
      ),
    )
  }

  async *listUploads(prefix: string, signal?: AbortSignal): AsyncIterable<OpenUpload> {
    let marker: { KeyMarker: string; UploadIdMarker?: string } | undefined
    do {
      const page = await this.#send('list-uploads', undefined, signal, {}, abort =>
        this.#options.client.send(
          new ListMultipartUploadsCommand({
            Bucket: this.#options.bucket,
            Prefix: this.#base + prefix,
            ...marker,
          }),
          abort,
        ),
      )
      for (const { Key, UploadId } of page.Uploads ?? []) {
        const key = this.#keyOf(Key)
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
    this.#options.client.destroy()
  }

  /** Sends a body whose hash is known: it signs with that hash, so that the store checks it and nobody hashes twice. */
  #hashed(
    command: PutObjectCommand | UploadPartCommand,
    sha256: string,
    abort: { readonly abortSignal: AbortSignal } | undefined,
  ) {
    // One of the two is enough for the types; what is sent is the command itself.
    const sent = command as UploadPartCommand
    sent.middlewareStack.add(
      next => args => {
        const { request } = args as { request?: { headers?: Record<string, string> } }
        if (request?.headers !== undefined) request.headers['x-amz-content-sha256'] = sha256
        return next(args)
      },
      { step: 'build', name: 'holdfastPayloadHash', override: true },
    )
    return this.#options.client.send(sent, abort)
  }

  async #send<T>(
    operation: string,
    key: ObjectKey | undefined,
    signal: AbortSignal | undefined,
    rules: { readonly policy?: RetryPolicy; readonly missingIsFine?: boolean },
    work: (abort: { readonly abortSignal: AbortSignal } | undefined) => Promise<T>,
  ): Promise<T> {
    const about = this.#about(operation, key)
    try {
      return await withRetries(
        () => work(signal === undefined ? undefined : { abortSignal: signal }),
        thrown => {
          const judged = judge(thrown, about)
          if (judged.retryable)
            this.#options.log.debug('an object store operation failed and may be tried again', {
              ...about,
              error: judged.error,
            })
          return judged
        },
        rules.policy ?? this.#retry,
        signal,
      )
    } catch (thrown) {
      const code = thrown instanceof AppError ? thrown.code : undefined
      if (
        rules.missingIsFine === true &&
        (code === 'object-store.not-found' || code === 'object-store.upload-gone')
      )
        return undefined as T
      throw thrown
    }
  }

  async #demandEqual(key: ObjectKey, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const stored = await this.head(key, signal)
    const chunks: Uint8Array[] = []
    if (stored?.size === bytes.length)
      for await (const chunk of this.read(key, { ...(signal && { signal }) })) chunks.push(chunk)
    if (stored?.size !== bytes.length || !Buffer.concat(chunks).equals(bytes))
      throw new AppError('object-store.exists', { context: { bucket: this.#options.bucket, key } })
  }

  async #abortOthers(ours: OpenUpload, signal: AbortSignal | undefined): Promise<void> {
    try {
      for await (const other of this.listUploads(ours.key, signal))
        if (other.key === ours.key && other.uploadId !== ours.uploadId) await this.abortUpload(other, signal)
    } catch (thrown) {
      this.#options.log.warn('an upload opened by a lost request may be left over', {
        key: ours.key,
        error: thrown,
      })
    }
  }

  #checksum(sha256: string) {
    return this.#options.profile.checksums
      ? { ChecksumAlgorithm: 'SHA256' as const, ChecksumSHA256: base64(sha256) }
      : {}
  }

  #place(key: ObjectKey): { Bucket: string; Key: string } {
    return { Bucket: this.#options.bucket, Key: this.#base + key }
  }

  /** The key below our prefix; what is no key of ours is not shown. */
  #keyOf(full: string | undefined): ObjectKey | undefined {
    if (full?.startsWith(this.#base) !== true) return undefined
    try {
      return objectKey(full.slice(this.#base.length))
    } catch {
      return undefined
    }
  }

  #about(operation: string, key: ObjectKey | undefined) {
    const { bucket, endpoint } = this.#options
    return { operation, bucket, endpoint, key: key === undefined ? undefined : this.#base + key }
  }

  #shortBody(key: ObjectKey, has: number, wanted: number): AppError {
    return new AppError('object-store.corrupt', {
      message: 'the object has another length than what was asked of it',
      context: { bucket: this.#options.bucket, key, stored_bytes: has, wanted_bytes: wanted },
    })
  }

  #abortOr(error: AppError, signal: AbortSignal | undefined): AppError {
    if (!signal?.aborted) return error
    return signal.reason instanceof AppError
      ? signal.reason
      : new AppError('interrupted', { cause: signal.reason })
  }
}

function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}
