import type { PutObjectCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import type { Log } from '../../log/index.ts'
import { type ObjectKey, objectKey } from '../port.ts'
import type { S3Profile } from '../profile.ts'
import { patient, type RetryPolicy, withRetries } from '../retry.ts'
import { idleTimeoutMs } from './client.ts'
import { judge, type OperationContext } from './judge.ts'

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

/** What every S3 operation shares: where it goes, how it is tried again, how a body is vouched for. */
export class S3Requests {
  readonly client: S3Client
  readonly bucket: string
  /** The prefix with its slash, or nothing. */
  readonly base: string
  readonly profile: S3Profile
  readonly endpoint: string | undefined
  readonly log: Log
  readonly retry: RetryPolicy
  readonly idleMs: number

  constructor(options: S3StoreOptions) {
    this.client = options.client
    this.bucket = options.bucket
    this.base = options.prefix === '' ? '' : `${options.prefix}/`
    this.profile = options.profile
    this.endpoint = options.endpoint
    this.log = options.log
    this.retry = options.retry ?? patient
    this.idleMs = options.idleMs ?? idleTimeoutMs
  }

  /** Runs one operation with retries; with `missingIsFine` what is not there counts as done. */
  async send<T>(
    operation: string,
    key: ObjectKey | undefined,
    signal: AbortSignal | undefined,
    rules: { readonly policy?: RetryPolicy; readonly missingIsFine?: boolean },
    work: (abort: { readonly abortSignal: AbortSignal } | undefined) => Promise<T>,
  ): Promise<T> {
    const about = this.about(operation, key)
    try {
      return await withRetries(
        () => work(signal === undefined ? undefined : { abortSignal: signal }),
        thrown => {
          const judged = judge(thrown, about)
          if (judged.retryable)
            this.log.debug('an object store operation failed and may be tried again', {
              ...about,
              error: judged.error,
            })
          return judged
        },
        rules.policy ?? this.retry,
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

  /** Sends a body whose hash is known: it signs with that hash, so that the store checks it and nobody hashes twice. */
  hashed(
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
    return this.client.send(sent, abort)
  }

  checksum(sha256: string) {
    return this.profile.checksums
      ? { ChecksumAlgorithm: 'SHA256' as const, ChecksumSHA256: base64(sha256) }
      : {}
  }

  place(key: ObjectKey): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: this.base + key }
  }

  /** The key below our prefix; what is no key of ours is not shown. */
  keyOf(full: string | undefined): ObjectKey | undefined {
    if (full?.startsWith(this.base) !== true) return undefined
    try {
      return objectKey(full.slice(this.base.length))
    } catch {
      return undefined
    }
  }

  about(operation: string, key: ObjectKey | undefined): OperationContext {
    const { bucket, endpoint } = this
    return { operation, bucket, endpoint, key: key === undefined ? undefined : this.base + key }
  }
}

/** A hash as S3's headers have it. */
export function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}
