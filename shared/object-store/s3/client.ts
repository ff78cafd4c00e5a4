import { S3Client } from '@aws-sdk/client-s3'
import type { Destination } from '../../model/destination.ts'

/** Credentials of a store; absent ones come from the SDK's usual chain (environment, profile, role). */
export interface StoreCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  /** When to ask the provider again. */
  readonly expiration?: Date
}
export type CredentialsSource = StoreCredentials | (() => Promise<StoreCredentials>)

/** No byte for so long, either way, ends a request, ms: idle, not total, since parts can take minutes. */
export const idleTimeoutMs = 60_000
const connectTimeoutMs = 10_000

/** Endpoint of a foreign store: the destination's, else what the SDK itself would take from the environment. */
export function endpointOf(
  destination: Pick<Destination, 'endpoint'>,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const found = destination.endpoint ?? environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL
  return found === '' ? undefined : found
}

/**
 * A client that tries once (retries are ours), waits by idleness, and sends no checksum unless asked.
 * Foreign endpoints get path style and, when nothing says otherwise, region us-east-1.
 */
export function makeClient(
  destination: Pick<Destination, 'endpoint' | 'region'>,
  options: {
    readonly credentials?: CredentialsSource | undefined
    readonly environment: Readonly<Record<string, string | undefined>>
    readonly idleMs?: number | undefined
  },
): S3Client {
  const { environment, credentials } = options
  const endpoint = endpointOf(destination, environment)
  const foreign = endpoint !== undefined && !/\.amazonaws\.com(\.cn)?(:\d+)?\/?$/.test(endpoint)
  const region =
    destination.region ??
    environment.AWS_REGION ??
    environment.AWS_DEFAULT_REGION ??
    (foreign ? 'us-east-1' : undefined)
  return new S3Client({
    ...(region === undefined || region === '' ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: foreign,
    maxAttempts: 1,
    // with it every part goes over a connection of its own: connect, wait for 100, send, close
    expectContinueHeader: false,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      socketTimeout: options.idleMs ?? idleTimeoutMs,
      httpAgent: { keepAlive: true, maxSockets: 64 },
      httpsAgent: { keepAlive: true, maxSockets: 64 },
    },
  })
}
