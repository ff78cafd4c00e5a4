import { AppError } from '../errors/index.ts'
import { type Log, silentLog } from '../log/index.ts'
import type { Destination } from '../model/destination.ts'
import { destinationProblems } from './destination-rules.ts'
import { type Location, parseDestination } from './destination-url.ts'
import { openDirectoryStore } from './directory.ts'
import type { ObjectStore } from './port.ts'
import { s3Profiles } from './profile.ts'
import type { RetryPolicy } from './retry.ts'
import { type CredentialsSource, endpointOf, makeClient } from './s3/client.ts'
import type { S3StoreOptions } from './s3/requests.ts'
import { S3Store } from './s3/s3.ts'

export interface OpenStoreOptions {
  /** Else the SDK's usual chain: environment, shared files, role of the host. */
  readonly credentials?: CredentialsSource
  readonly log?: Log
  /** For tests and impatient callers; default about a minute. */
  readonly retry?: RetryPolicy
  /** No byte for so long ends a request, ms; default 60,000. */
  readonly idleMs?: number
  /** Where AWS_ENDPOINT_URL_S3 and AWS_REGION are looked for; default the process's environment. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/**
 * Opens the store of a destination. Connects to nothing yet: `check()` does.
 *
 * @throws AppError `destination.invalid`
 */
export function openObjectStore(
  destination: Pick<Destination, 'url' | 'endpoint' | 'region' | 'profile' | 'settings'>,
  options: OpenStoreOptions = {},
): ObjectStore {
  const location = parseDestination(destination.url)
  if (location.kind === 'directory') {
    demandSound(destination)
    return openDirectoryStore(location.path)
  }
  return new S3Store(s3OptionsFor(destination, location, options))
}

/**
 * Everything an S3 destination is opened with.
 *
 * @throws AppError `destination.invalid`
 */
export function s3OptionsFor(
  destination: Pick<Destination, 'url' | 'endpoint' | 'region' | 'profile' | 'settings'>,
  location: Location & { readonly kind: 's3' },
  options: OpenStoreOptions,
): S3StoreOptions {
  const { profile } = destination
  demandSound(destination)
  if (profile === 'directory') throw new AppError('destination.invalid')
  const environment = options.environment ?? process.env
  const endpoint = endpointOf(destination, environment)
  if (endpoint !== undefined && !/^https?:\/\/[^/\s@]+\/?$/.test(endpoint))
    throw new AppError('destination.invalid', {
      message: 'the destination is not valid: the endpoint must be http(s)://host[:port]',
      context: { url: destination.url, endpoint: endpoint.replace(/\/\/[^/]*@/, '//[redacted]@') },
    })
  return {
    client: makeClient(destination, {
      credentials: options.credentials,
      environment,
      idleMs: options.idleMs,
    }),
    bucket: location.bucket,
    prefix: location.prefix,
    profile: s3Profiles[profile],
    settings: destination.settings,
    fixedCredentials: typeof options.credentials === 'object',
    endpoint,
    log: options.log ?? silentLog,
    retry: options.retry,
    idleMs: options.idleMs,
  }
}

/** An agent of another version than its coordinator may know better; and standalone commands have no configuration. */
function demandSound(destination: Pick<Destination, 'url' | 'profile' | 'settings'>): void {
  const problems = destinationProblems(destination)
  const [first] = problems
  if (first === undefined) return
  throw new AppError('destination.invalid', {
    message: `the destination is not valid: ${first.key} must ${first.text}`,
    hint: 'Correct the settings of the destination; docs/reference/destinations.md has what each profile takes.',
    context: { url: destination.url, problems: problems.map(({ key, text }) => `${key} must ${text}`) },
  })
}
