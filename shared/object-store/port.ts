/**
 * The object store port: what Holdfast needs of a place that keeps objects. Two adapters, S3 and a local
 * directory, run under one conformance suite. Keys are relative to the destination's prefix; only the
 * adapter knows bucket, prefix and region, so a key can never get its prefix twice or not at all.
 */

import type { ChecksumMode, LockMode } from '../model/destination.ts'
import type { Millis } from '../time/index.ts'

declare const relativeKey: unique symbol

/** A key below the destination's prefix: `[a-z0-9._~/-]`, no leading slash, no `..`, at most 700 bytes. */
export type ObjectKey = string & { readonly [relativeKey]: true }

const keyShape = /^(?!\/)(?!.*(?:^|\/)\.{1,2}(?:\/|$))(?!.*\/\/)[A-Za-z0-9._~/-]{1,700}$/

/** Narrows text to a key; throws a TypeError on text that is none (keys are made by us, so that is a defect). */
export function objectKey(text: string): ObjectKey {
  if (!keyShape.test(text)) throw new TypeError(`not an object key: ${JSON.stringify(text)}`)
  return text as ObjectKey
}

/** What a store can do, as data (style: capabilities as data). Sizes in bytes. */
export interface ObjectStoreCapabilities {
  readonly maxParts: number
  readonly minPartSize: number
  readonly maxPartSize: number
  /** All parts of an upload but the last must be of equal size. */
  readonly equalParts: boolean
  /** What goes with every body; whether the store verifies it, `doctor` tells. */
  readonly checksum: ChecksumMode
  /** `If-None-Match: *` on PUT is honoured; a belt, read-back is the braces. */
  readonly conditionalPut: boolean
  /** `retain` can work, given a bucket that was made for it. */
  readonly objectLock: boolean
}

/** What is known of a stored object. */
export interface ObjectInfo {
  readonly key: ObjectKey
  readonly size: number
  readonly modifiedAt: number
  readonly etag?: string
}

/** A stored part, as Complete wants it back. `sha256` is hex over the part's bytes. */
export interface PartReceipt {
  readonly number: number
  readonly size: number
  readonly sha256: string
  readonly etag: string
  /** `crc32c:…` or `crc64nvme:…`, base64, when that went with it instead of the SHA-256. */
  readonly checksum?: string
}

/**
 * What was compared with the store after an upload was completed: `checksum` when it told one over the
 * object and that was ours, else `size`. Never more than was looked at.
 */
export type Verified = 'size' | 'checksum'

/** Until when objects cannot be deleted, by whom. */
export interface Retention {
  readonly mode: LockMode
  readonly until: Millis
}

/** How a store names an object of its service to another store of it, for a copy that the service makes itself. */
export interface CopySource {
  /** The service: stores that name the same one can copy from each other, credentials permitting. */
  readonly service: string
  readonly bucket: string
  /** Whole, with the prefix of its destination. */
  readonly key: string
}

/** An open multipart upload. */
export interface OpenUpload {
  readonly key: ObjectKey
  readonly uploadId: string
}

/**
 * Every method rejects with an AppError of an `object-store.*` code, retried inside where that can help.
 * All methods take a signal; `abortUpload` and `delete` should be given a *fresh* one on failure paths.
 */
export interface ObjectStore {
  /** For people and logs: the destination's URL without secrets. */
  readonly url: string
  /** Tries beyond the first so far, of all operations; absent where nothing is tried again. */
  readonly retries?: number
  readonly capabilities: ObjectStoreCapabilities

  /** Fails early and clearly when bucket, region or credentials are wrong; writes nothing. */
  check(signal?: AbortSignal): Promise<void>

  /**
   * Stores `bytes` whole. With `ifAbsent`, an object of that key with *equal* bytes counts as ours (a lost
   * reply, read back: facts-databases §11); with other bytes it is `object-store.exists`.
   */
  put(
    key: ObjectKey,
    bytes: Uint8Array,
    options?: { readonly ifAbsent?: boolean; readonly contentType?: string; readonly signal?: AbortSignal },
  ): Promise<void>

  /** What is stored under the key, or undefined. */
  head(key: ObjectKey, signal?: AbortSignal): Promise<ObjectInfo | undefined>

  /** Streams an object or a range of it (`start` inclusive, `end` exclusive). A short body is an error. */
  read(
    key: ObjectKey,
    options?: { readonly start?: number; readonly end?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<Uint8Array>

  /** Lists objects under a prefix in key order, page by page. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo>

  /** Deletes; a missing key is no error. */
  delete(keys: readonly ObjectKey[], signal?: AbortSignal): Promise<void>

  /** Opens a multipart upload. */
  createUpload(key: ObjectKey, signal?: AbortSignal): Promise<OpenUpload>

  /** Stores part `number` (from 1). The store verifies the hash where it can. */
  uploadPart(
    upload: OpenUpload,
    number: number,
    bytes: Uint8Array,
    sha256: string,
    signal?: AbortSignal,
  ): Promise<PartReceipt>

  /**
   * Makes the object out of its parts, all of them, in order. When the upload is gone (a reply was lost and
   * this is the second time), the stored object decides, by its size and, where the store tells one, its checksum:
   * equal is success, else `object-store.upload-gone`.
   */
  completeUpload(upload: OpenUpload, parts: readonly PartReceipt[], signal?: AbortSignal): Promise<Verified>

  /** Ends an upload and frees its parts; one that is gone is no error. */
  abortUpload(upload: OpenUpload, signal?: AbortSignal): Promise<void>

  /**
   * Locks objects, all that are named, also when they are locked already (then for the longer time). Only
   * after a commit: what a failed attempt left must stay deletable (architecture §4).
   *
   * @throws AppError `object-store.unsupported` when store or bucket have no Object Lock
   */
  retain(keys: readonly ObjectKey[], retention: Retention, signal?: AbortSignal): Promise<void>

  /** What another store of the same service copies the object from; absent where nothing is copied so. */
  copySource?(key: ObjectKey): CopySource

  /**
   * Makes an object out of one that the same service has, without its bytes passing through here, in parts of
   * these sizes. An object of that key is replaced; a failed copy leaves nothing open.
   */
  copyObject?(
    key: ObjectKey,
    from: CopySource,
    partSizes: readonly number[],
    signal?: AbortSignal,
  ): Promise<void>

  /** Lists open multipart uploads under a prefix. */
  listUploads(prefix: string, signal?: AbortSignal): AsyncIterable<OpenUpload>

  close(): Promise<void>
}
