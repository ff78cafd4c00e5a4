import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import { checksumOf, checksumOfPart, checksumsOfObject, receiptChecksum, sameChecksum } from '../checksum.ts'
import type { ObjectKey, OpenUpload, PartReceipt, Verified } from '../port.ts'
import type { S3Requests } from './requests.ts'
import { checksumIn, checksumInput, checksumValue, keepingInput, uploadChecksumInput } from './wording.ts'

/** Multipart uploads: from Create to Complete or Abort, whatever gets lost in between. */
export class S3Uploads {
  readonly #requests: S3Requests

  constructor(requests: S3Requests) {
    this.#requests = requests
  }

  async create(key: ObjectKey, signal?: AbortSignal): Promise<OpenUpload> {
    let tries = 0
    const reply = await this.#requests.send('create-upload', key, signal, {}, abort => {
      tries++
      return this.#requests.client.send(
        new CreateMultipartUploadCommand({
          ...this.#requests.place(key),
          ...keepingInput(this.#requests.settings, 'data'),
          ...uploadChecksumInput(this.#requests.checksum),
          ContentType: 'application/octet-stream',
        }),
        abort,
      )
    })
    const upload = { key, uploadId: reply.UploadId ?? '' }
    // A try whose reply was lost may have opened another one, which nobody would ever own.
    if (tries > 1) await this.#abortOthers(upload, signal)
    return upload
  }

  async putPart(
    upload: OpenUpload,
    number: number,
    bytes: Uint8Array,
    sha256: string,
    signal?: AbortSignal,
  ): Promise<PartReceipt> {
    const mode = this.#requests.checksum
    const checksum = mode === 'none' ? undefined : checksumOf(mode, bytes, sha256)
    const command = new UploadPartCommand({
      ...this.#requests.place(upload.key),
      ...checksumInput(mode, checksum),
      UploadId: upload.uploadId,
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.length,
    })
    const reply = await this.#requests.send(
      'upload-part',
      upload.key,
      signal,
      { part: number },
      async abort => {
        const answer = await this.#requests.hashed(command, sha256, abort)
        const told = checksumIn(mode, answer)
        // It was the store that changed the bytes, or its answer: sent again, a part replaces itself.
        if (told !== undefined && told !== checksum)
          throw Object.assign(new Error('the reply tells another checksum than was sent'), {
            name: 'BadDigest',
          })
        return answer
      },
    )
    if (reply.ETag === undefined || reply.ETag.replaceAll('"', '') === '')
      throw new AppError('object-store.failed', {
        message: 'the object store took a part and gave no receipt',
        context: { key: upload.key, part: number },
      })
    const kept = receiptChecksum(mode, checksum)
    return {
      number,
      size: bytes.length,
      sha256,
      etag: reply.ETag,
      ...(kept === undefined ? {} : { checksum: kept }),
    }
  }

  async complete(upload: OpenUpload, parts: readonly PartReceipt[], signal?: AbortSignal): Promise<Verified> {
    let gone: AppError | undefined
    try {
      await this.#completeOnce(upload, parts, signal)
    } catch (thrown) {
      const error = AppError.from(thrown)
      if (error.context['s3_code'] === 'InvalidPart') {
        await this.#completeOnce(upload, await this.#knownReceipts(upload, parts, error, signal), signal)
      } else if (error.code === 'object-store.upload-gone' || error.code === 'object-store.not-found') {
        // Ceph calls a missing upload a missing key.
        gone = new AppError('object-store.upload-gone', { context: { ...error.context }, cause: thrown })
      } else throw thrown
    }
    return this.#compared(upload.key, parts, gone, signal)
  }

  async abort(upload: OpenUpload, signal?: AbortSignal): Promise<void> {
    await this.#requests.send('abort-upload', upload.key, signal, { missingIsFine: true }, abort =>
      this.#requests.client.send(
        new AbortMultipartUploadCommand({ ...this.#requests.place(upload.key), UploadId: upload.uploadId }),
        abort,
      ),
    )
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<OpenUpload> {
    let marker: { KeyMarker: string; UploadIdMarker?: string } | undefined
    do {
      const page = await this.#requests.send('list-uploads', undefined, signal, {}, abort =>
        this.#requests.client.send(
          new ListMultipartUploadsCommand({
            ...this.#requests.bucketPlace(),
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

  async #completeOnce(
    upload: OpenUpload,
    parts: readonly PartReceipt[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const mode = this.#requests.checksum
    const place = { ...this.#requests.place(upload.key), UploadId: upload.uploadId }
    const whole = mode === 'crc64nvme' ? checksumsOfObject(mode, parts).full : undefined
    const command = new CompleteMultipartUploadCommand({
      ...place,
      ...checksumValue(mode, whole),
      ...(whole === undefined ? {} : { ChecksumType: 'FULL_OBJECT' as const }),
      MultipartUpload: {
        Parts: parts.map(part => ({
          PartNumber: part.number,
          ETag: part.etag,
          ...(mode === 'none' ? {} : checksumValue(mode, checksumOfPart(mode, part))),
        })),
      },
    })
    let tries = 0
    await this.#requests.send('complete-upload', upload.key, signal, {}, async abort => {
      // Is it still there to be completed? Ceph answers 500 "already in progress" for one that is gone.
      if (tries++ > 0)
        await this.#requests.client.send(new ListPartsCommand({ ...place, MaxParts: 1 }), abort)
      await this.#requests.client.send(command, abort)
    })
  }

  /**
   * A receipt was changed on its way to us. The store tells what it has: a part that is there with our size
   * and our checksum is ours, whatever its receipt says; without a checksum nothing is proven.
   */
  async #knownReceipts(
    upload: OpenUpload,
    parts: readonly PartReceipt[],
    refused: AppError,
    signal: AbortSignal | undefined,
  ): Promise<readonly PartReceipt[]> {
    const mode = this.#requests.checksum
    if (mode === 'none') throw refused
    const stored = new Map<
      number,
      { readonly etag: string; readonly size: number; readonly checksum: string }
    >()
    let marker: string | undefined
    do {
      const page = await this.#requests.send('list-parts', upload.key, signal, {}, abort =>
        this.#requests.client.send(
          new ListPartsCommand({
            ...this.#requests.place(upload.key),
            UploadId: upload.uploadId,
            ...(marker === undefined ? {} : { PartNumberMarker: marker }),
          }),
          abort,
        ),
      )
      for (const part of page.Parts ?? []) {
        const checksum = checksumIn(mode, part)
        if (part.PartNumber !== undefined && part.ETag !== undefined && checksum !== undefined)
          stored.set(part.PartNumber, { etag: part.ETag, size: part.Size ?? -1, checksum })
      }
      marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined
    } while (marker !== undefined)
    let changed = 0
    const known = parts.map(part => {
      const found = stored.get(part.number)
      if (found?.size !== part.size || found.checksum !== checksumOfPart(mode, part)) throw refused
      if (found.etag !== part.etag) changed++
      return { ...part, etag: found.etag }
    })
    if (changed === 0) throw refused
    this.#requests.log.warn('receipts of parts had changed on their way; the store’s own are used', {
      key: upload.key,
      parts: changed,
    })
    return known
  }

  /** After a Complete, whatever was answered: what lies there decides. */
  async #compared(
    key: ObjectKey,
    parts: readonly PartReceipt[],
    gone: AppError | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Verified> {
    const mode = this.#requests.checksum
    const size = parts.reduce((sum, part) => sum + part.size, 0)
    const ours = mode === 'none' ? undefined : checksumsOfObject(mode, parts)
    const stored = await this.#stored(key, ours !== undefined, signal)
    const same =
      ours === undefined || stored?.checksum === undefined ? undefined : sameChecksum(ours, stored.checksum)
    if (stored?.size === size && same !== false) return same === true ? 'checksum' : 'size'
    if (gone !== undefined) throw gone
    throw new AppError('object-store.corrupt', {
      message:
        stored?.size === size
          ? 'the completed object has another checksum than its parts'
          : 'the completed object has another size than its parts',
      context: {
        operation: 'complete-upload',
        bucket: this.#requests.bucket,
        key,
        expected_bytes: size,
        stored_bytes: stored?.size ?? 'none',
        ...(same === false && stored?.checksum !== undefined
          ? {
              expected_checksum: ours?.composite ?? ours?.full ?? '',
              stored_checksum: stored.checksum.value,
            }
          : {}),
      },
    })
  }

  async #stored(
    key: ObjectKey,
    checksum: boolean,
    signal: AbortSignal | undefined,
  ): Promise<
    | {
        readonly size: number
        readonly checksum?: { readonly value: string; readonly type?: string | undefined }
      }
    | undefined
  > {
    const head = (mode: { ChecksumMode?: 'ENABLED' }) =>
      this.#requests.send('head', key, signal, {}, abort =>
        this.#requests.client.send(new HeadObjectCommand({ ...this.#requests.place(key), ...mode }), abort),
      )
    try {
      // A role that may only encrypt is denied the checksum of what a KMS key encrypts: then the size must do.
      const found = checksum
        ? await head({ ChecksumMode: 'ENABLED' }).catch((thrown: unknown) => {
            if (AppError.from(thrown).code === 'object-store.not-found' || signal?.aborted === true)
              throw thrown
            return head({})
          })
        : await head({})
      const told = checksumIn(this.#requests.checksum, found)
      return {
        size: found.ContentLength ?? 0,
        ...(told === undefined ? {} : { checksum: { value: told, type: found.ChecksumType } }),
      }
    } catch (thrown) {
      if (AppError.from(thrown).code === 'object-store.not-found') return undefined
      throw thrown
    }
  }

  async #abortOthers(ours: OpenUpload, signal: AbortSignal | undefined): Promise<void> {
    try {
      for await (const other of this.list(ours.key, signal))
        if (other.key === ours.key && other.uploadId !== ours.uploadId) await this.abort(other, signal)
    } catch (thrown) {
      this.#requests.log.warn('an upload opened by a lost request may be left over', {
        key: ours.key,
        error: thrown,
      })
    }
  }
}
