import type { KMSClient } from '@aws-sdk/client-kms'
import { AppError, type ErrorCode } from '../../shared/errors/index.ts'
import { type Judged, type RetryPolicy, withRetries } from '../../shared/object-store/retry.ts'
import type { KeyService } from './key-service.ts'

/** How AWS KMS is reached. What is absent is the SDK's usual: chain of credentials, region, `AWS_ENDPOINT_URL_KMS`. */
export interface AwsKmsOptions {
  readonly region?: string | undefined
  readonly endpoint?: string | undefined
  /** Asked before each call, so that rotated files are taken up. */
  readonly credentials?:
    | (() => Promise<{
        readonly accessKeyId: string
        readonly secretAccessKey: string
        readonly sessionToken?: string
      }>)
    | undefined
  readonly retry?: RetryPolicy
}

/** Thousands of backups may begin in one minute: patient, and never in step (traps §9). */
const usualRetry: RetryPolicy = { attempts: 8, baseMs: 200, capMs: 5_000 }

const connectTimeoutMs = 5_000
const requestTimeoutMs = 15_000

/**
 * Wraps and unwraps keys with AWS KMS. One small request a backup: the SDK is loaded, and a client made, for each,
 * so that an agent without KMS carries none of it.
 */
export function awsKms(options: AwsKmsOptions = {}): KeyService {
  return {
    async wrap(key, secret, context, signal) {
      const { EncryptCommand } = await import('@aws-sdk/client-kms')
      const told = { operation: 'Encrypt', key }
      const answer = await withClient(options, key, told, signal, client =>
        client.send(
          new EncryptCommand({ KeyId: key, Plaintext: secret, EncryptionContext: { ...context } }),
          { abortSignal: signal },
        ),
      )
      const { CiphertextBlob: wrapped, KeyId: keyArn } = answer
      if (wrapped === undefined || keyArn === undefined)
        throw new AppError('kms.unreachable', {
          message: 'the key service answered without a wrapped key',
          context: told,
        })
      return { wrapped, keyArn }
    },
    async unwrap(keyArn, wrapped, context, signal) {
      const { DecryptCommand } = await import('@aws-sdk/client-kms')
      const told = { operation: 'Decrypt', key: keyArn }
      const answer = await withClient(options, keyArn, told, signal, client =>
        client.send(
          // the key is named, so that nothing is opened with one of another account
          new DecryptCommand({
            KeyId: keyArn,
            CiphertextBlob: wrapped,
            EncryptionContext: { ...context },
          }),
          { abortSignal: signal },
        ),
      )
      if (answer.Plaintext === undefined)
        throw new AppError('kms.unreachable', {
          message: 'the key service answered without a key',
          context: told,
        })
      return answer.Plaintext
    },
  }
}

type Told = Readonly<{ operation: string; key: string }>

async function withClient<T>(
  options: AwsKmsOptions,
  key: string,
  told: Told,
  signal: AbortSignal,
  work: (client: KMSClient) => Promise<T>,
): Promise<T> {
  const { KMSClient } = await import('@aws-sdk/client-kms')
  const { credentials, endpoint } = options
  const region = options.region ?? regionOf(key)
  const client = new KMSClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: 1,
    requestHandler: { connectionTimeout: connectTimeoutMs, requestTimeout: requestTimeoutMs },
  })
  try {
    return await withRetries(
      () => work(client),
      thrown => judge(thrown, told),
      options.retry ?? usualRetry,
      signal,
    )
  } finally {
    client.destroy()
  }
}

/** An ARN says where its key is. */
function regionOf(key: string): string | undefined {
  return /^arn:[^:]+:kms:([a-z0-9-]+):/.exec(key)?.[1]
}

interface Rule {
  readonly code: ErrorCode
  readonly retryable?: true
  readonly message?: string
}

const denied: Rule = { code: 'kms.denied' }
const throttled: Rule = { code: 'kms.throttled', retryable: true }
const faulty: Rule = { code: 'kms.unreachable', retryable: true }
const refused: Rule = { code: 'kms.ciphertext-refused' }

/** KMS error names → ours. */
const byName: Readonly<Record<string, Rule>> = {
  AccessDeniedException: denied,
  UnrecognizedClientException: { ...denied, message: 'the key service does not know the credentials' },
  InvalidSignatureException: { ...denied, message: 'the key service refused the signature' },
  ExpiredTokenException: { ...denied, message: 'the credentials for the key service have expired' },
  CredentialsProviderError: { ...denied, message: 'no credentials for the key service were found' },
  NotFoundException: { code: 'kms.key-missing' },
  ValidationException: {
    code: 'kms.key-missing',
    message: 'the key service did not understand the request; is the name of the key right?',
  },
  DisabledException: { code: 'kms.key-disabled' },
  KMSInvalidStateException: { code: 'kms.key-unusable' },
  KeyUnavailableException: faulty,
  InvalidKeyUsageException: { code: 'kms.key-unusable', message: 'the key is not one for encryption' },
  InvalidCiphertextException: refused,
  IncorrectKeyException: refused,
  ThrottlingException: throttled,
  LimitExceededException: throttled,
  RequestLimitExceeded: throttled,
  KMSInternalException: faulty,
  DependencyTimeoutException: faulty,
}

function judge(thrown: unknown, told: Told): Judged {
  if (thrown instanceof AppError) return { error: thrown, retryable: false }
  const {
    name = '',
    message = '',
    $metadata,
  } = (thrown ?? {}) as {
    readonly name?: string
    readonly message?: string
    readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
  }
  const status = $metadata?.httpStatusCode
  const rule =
    byName[name] ??
    (status === 429
      ? throttled
      : status !== undefined && status < 500
        ? { code: 'kms.denied' as const }
        : faulty)
  return {
    retryable: rule.retryable === true,
    error: new AppError(rule.code, {
      ...(rule.message === undefined ? {} : { message: rule.message }),
      context: {
        ...told,
        error: name,
        detail: message.slice(0, 300),
        ...(status === undefined ? {} : { status }),
        ...($metadata?.requestId === undefined ? {} : { request_id: $metadata.requestId }),
      },
      cause: thrown,
    }),
  }
}
