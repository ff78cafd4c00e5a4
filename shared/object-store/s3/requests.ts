import { createHash } from 'node:crypto'
import type { PutObjectCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import type { Log } from '../../log/index.ts'
import type { ChecksumMode, DestinationSettings } from '../../model/destination.ts'
import { type ObjectKey, objectKey } from '../port.ts'
import type { S3Profile } from '../profile.ts'
import { type Judged, patient, type RetryPolicy, withRetries } from '../retry.ts'
import { idleTimeoutMs } from './client.ts'
import { judge, type OperationContext } from './judge.ts'

export interface S3StoreOptions {
  readonly client: S3Client
  readonly bucket: string
  /** Without slashes at either end; may be empty. */
  readonly prefix: string
  readonly profile: S3Profile
  readonly settings?: DestinationSettings | undefined
  /** Asking for credentials again gives the same ones. */
  readonly fixedCredentials?: boolean | undefined
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
  readonly settings: DestinationSettings
  /** What goes with every body. */
  readonly checksum: ChecksumMode
  /** Locked buckets take no body without a checksum; for stores that refuse the newer headers it is this one. */
  readonly md5: boolean
  readonly endpoint: string | undefined
  readonly log: Log
  readonly retry: RetryPolicy
  readonly idleMs: number
  readonly #fixedCredentials: boolean
  /** Tries beyond the first, of all operations. */
  #retries = 0
  /** A request came back well: from then on missing credentials are a passing trouble of their source. */
  #answered = false

  constructor(options: S3StoreOptions) {
    this.client = options.client
    this.bucket = options.bucket
    this.base = options.prefix === '' ? '' : `${options.prefix}/`
    this.profile = options.profile
    this.settings = options.settings ?? {}
    this.checksum = this.settings.checksum ?? options.profile.checksum
    this.md5 = this.checksum === 'none' && this.settings.objectLock !== undefined
    this.#fixedCredentials = options.fixedCredentials === true
    this.endpoint = options.endpoint
    this.log = options.log
    this.retry = options.retry ?? patient
    this.idleMs = options.idleMs ?? idleTimeoutMs
  }

  get retries(): number {
    return this.#retries
  }

  /** Runs one operation with retries; with `missingIsFine` what is not there counts as done. */
  async send<T>(
    operation: string,
    key: ObjectKey | undefined,
    signal: AbortSignal | undefined,
    rules: {
      readonly policy?: RetryPolicy
      readonly missingIsFine?: boolean
      /** Number of the part, for the log. */
      readonly part?: number
    },
    work: (abort: { readonly abortSignal: AbortSignal } | undefined) => Promise<T>,
  ): Promise<T> {
    const about = this.about(operation, key)
    const told = rules.part === undefined ? about : { ...about, part: rules.part }
    let expired = false
    try {
      return await withRetries(
        async attempt => {
          if (attempt > 1) this.#retries++
          if (expired) await this.#renewCredentials()
          expired = false
          const done = await work(signal === undefined ? undefined : { abortSignal: signal })
          this.#answered = true
          this.log.debug('an object store operation is done', { ...told })
          return done
        },
        thrown => {
          const judged = this.#judged(judge(thrown, about))
          expired = judged.expired === true
          if (judged.retryable)
            this.log.debug('an object store operation failed and may be tried again', {
              ...told,
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

  #judged(judged: Judged): Judged {
    if (judged.expired === true && this.#fixedCredentials) return { ...judged, retryable: false }
    const lost = judged.error.context['s3_code'] === 'CredentialsProviderError'
    return lost && this.#answered ? { ...judged, retryable: true } : judged
  }

  /** An upload may outlive many tokens: what the source holds by now is asked for, however long the old one said it lasts. */
  async #renewCredentials(): Promise<void> {
    this.log.debug('the session token has expired, asking for another', { bucket: this.bucket })
    await this.client.config.credentials({ forceRefresh: true })
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
        if (request?.headers !== undefined) {
          request.headers['x-amz-content-sha256'] = sha256
          if (this.md5 && sent.input.Body instanceof Uint8Array)
            request.headers['content-md5'] = createHash('md5').update(sent.input.Body).digest('base64')
        }
        return next(args)
      },
      { step: 'build', name: 'holdfastPayloadHash', override: true },
    )
    return this.client.send(sent, abort)
  }

  place(key: ObjectKey): { Bucket: string; Key: string; ExpectedBucketOwner?: string } {
    return { ...this.bucketPlace(), Key: this.base + key }
  }

  bucketPlace(): { Bucket: string; ExpectedBucketOwner?: string } {
    const { bucketOwner } = this.settings
    return {
      Bucket: this.bucket,
      ...(bucketOwner === undefined ? {} : { ExpectedBucketOwner: bucketOwner }),
    }
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
