import { AppError, type ErrorCode, type ErrorContext } from '../../errors/index.ts'
import { formatDuration } from '../../time/index.ts'
import type { Judged } from '../retry.ts'

/** What is known of a failed operation: never a secret. */
export interface OperationContext {
  readonly operation: string
  readonly bucket: string
  readonly endpoint?: string | undefined
  readonly key?: string | undefined
}

/** The parts of an SDK error that we look at. */
interface SdkError {
  readonly name?: string
  readonly message?: string
  readonly code?: string
  readonly Code?: string
  readonly Region?: string
  readonly Endpoint?: string
  readonly ServerTime?: string
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
  readonly $response?: {
    readonly statusCode?: number
    readonly headers?: Readonly<Record<string, string | undefined>>
  }
  readonly cause?: unknown
}

interface Rule {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly message?: string
  readonly hint?: string
  /** The credentials have had their time: others may work. */
  readonly expired?: true
}

const throttled: Rule = { code: 'object-store.throttled', retryable: true }
const denied: Rule = { code: 'object-store.denied', retryable: false }
const wrongRegion: Rule = { code: 'object-store.wrong-region', retryable: false }
const faulty: Rule = { code: 'object-store.failed', retryable: true }
const changedOnTheWay: Rule = {
  code: 'object-store.corrupt',
  retryable: true,
  message: 'the object store received other bytes than were sent',
}

const expired: Rule = {
  ...denied,
  retryable: true,
  expired: true,
  message: 'the session token has expired',
  hint: 'Give a role, a profile or key files that are renewed; an upload outlives one token by asking for the next.',
}
const skewed: Rule = {
  ...denied,
  message: 'the clock of this host differs too much from the object store’s',
  hint: 'Set the clock (NTP); requests are signed with the time.',
}
const unsupported: Rule = { code: 'object-store.unsupported', retryable: false }
/** S3 error codes → our errors. */
const byName: Readonly<Record<string, Rule>> = {
  NoSuchBucket: { code: 'object-store.bucket-missing', retryable: false },
  NoSuchKey: { code: 'object-store.not-found', retryable: false },
  NotFound: { code: 'object-store.not-found', retryable: false },
  NoSuchUpload: { code: 'object-store.upload-gone', retryable: false },
  PreconditionFailed: { code: 'object-store.exists', retryable: false },
  ConditionalRequestConflict: faulty,
  OperationAborted: faulty,
  AccessDenied: denied,
  AllAccessDisabled: denied,
  AccountProblem: denied,
  InvalidAccessKeyId: { ...denied, message: 'the object store does not know the access key id' },
  SignatureDoesNotMatch: {
    ...denied,
    message: 'the object store refused the signature: the secret access key is wrong',
    hint: 'Check the secret access key, and that no proxy changes the request.',
  },
  InvalidToken: { ...denied, message: 'the session token is not valid' },
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  RequestTimeTooSkewed: skewed,
  RequestExpired: skewed,
  CredentialsProviderError: {
    ...denied,
    message: 'no credentials for the object store were found',
    hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role for this host.',
  },
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  SlowDown: throttled,
  Throttling: throttled,
  ThrottlingException: throttled,
  TooManyRequests: throttled,
  TooManyRequestsException: throttled,
  RequestLimitExceeded: throttled,
  ServiceUnavailable: throttled,
  InternalError: faulty,
  RequestTimeout: faulty,
  RequestTimeoutException: faulty,
  NotImplemented: unsupported,
  MethodNotAllowed: unsupported,
  InvalidPart: {
    code: 'object-store.corrupt',
    retryable: false,
    message: 'the object store does not know a part by the receipt it gave for it',
  },
  BadDigest: changedOnTheWay,
  InvalidDigest: changedOnTheWay,
  XAmzContentSHA256Mismatch: changedOnTheWay,
  XAmzContentChecksumMismatch: changedOnTheWay,
  InvalidRange: {
    code: 'object-store.corrupt',
    retryable: false,
    message: 'the object is shorter than what was asked of it',
  },
}

const unreachable: Rule = { code: 'object-store.unreachable', retryable: true }
const networkCodes =
  /^(ECONN\w+|ENOTFOUND|EAI_\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|UND_\w+|ERR_STREAM_PREMATURE_CLOSE)$/
const networkNames = /^(TimeoutError|NetworkingError|AggregateError)$/

/** Turns what the SDK, the network or a body stream threw into an error of ours, and says whether to try again. */
export function judge(thrown: unknown, about: OperationContext): Judged {
  if (thrown instanceof AppError)
    return {
      error: thrown,
      retryable: thrown.code === 'object-store.unreachable' || thrown.code === 'object-store.throttled',
    }
  const sdk = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as SdkError
  const status = sdk.$metadata?.httpStatusCode ?? sdk.$response?.statusCode
  const name = sdk.Code ?? sdk.name ?? ''
  const networkCode = [sdk.code, (sdk.cause as SdkError | undefined)?.code].find(
    code => typeof code === 'string' && networkCodes.test(code),
  )
  const rule = byName[name] ?? ruleOf(status, name, networkCode, sdk)
  const region = rule === wrongRegion ? rightRegion(sdk) : undefined
  const offset = rule === skewed ? clockOffset(sdk) : undefined
  const message =
    region !== undefined
      ? `the bucket is in region ${region}`
      : offset !== undefined
        ? `the clock of this host is ${formatDuration(Math.abs(offset))} ${offset > 0 ? 'behind' : 'ahead of'} the object store’s`
        : rule.message
  const context: ErrorContext = {
    operation: about.operation,
    bucket: about.bucket,
    ...(about.key === undefined ? {} : { key: about.key }),
    ...(about.endpoint === undefined ? {} : { endpoint: about.endpoint }),
    ...(status === undefined ? {} : { status }),
    ...(name === '' || name === 'Error' ? {} : { s3_code: name }),
    ...(networkCode === undefined ? {} : { network: networkCode }),
    ...(region === undefined ? {} : { region }),
    ...(offset === undefined ? {} : { clock_offset_ms: offset }),
    ...(sdk.$metadata?.requestId === undefined ? {} : { request_id: sdk.$metadata.requestId }),
    ...(sdk.message === undefined || sdk.message === '' ? {} : { detail: sdk.message.slice(0, 300) }),
  }
  const retryAfter = Number(sdk.$response?.headers?.['retry-after'])
  return {
    error: new AppError(rule.code, {
      context,
      cause: thrown,
      ...(message === undefined ? {} : { message }),
      ...(rule.hint === undefined ? {} : { hint: rule.hint }),
    }),
    retryable: rule.retryable,
    ...(rule.expired === true ? { expired: true as const } : {}),
    ...(Number.isFinite(retryAfter) && retryAfter > 0 ? { retryAfterMs: retryAfter * 1_000 } : {}),
  }
}

/** For errors whose name says nothing: HEAD replies have no body, proxies have their own. */
function ruleOf(
  status: number | undefined,
  name: string,
  networkCode: string | undefined,
  sdk: SdkError,
): Rule {
  if (
    networkCode !== undefined ||
    networkNames.test(name) ||
    /socket hang up|aborted/i.test(sdk.message ?? '')
  )
    return unreachable
  if (/region is missing/i.test(sdk.message ?? ''))
    return {
      ...wrongRegion,
      message: 'no region is set',
      hint: 'Set the region of the destination, or AWS_REGION.',
    }
  if (status === undefined) return { code: 'object-store.failed', retryable: false }
  if (status === 301 || status === 307) return wrongRegion
  if (status === 400 && sdk.$response?.headers?.['x-amz-bucket-region'] !== undefined) return wrongRegion
  if (status === 401 || status === 403) return denied
  // A conditional PUT that found an object, as MinIO answered it (minio/minio #19442).
  if (status === 304) return { code: 'object-store.exists', retryable: false }
  if (status === 405 || status === 501) return unsupported
  if (status === 404) return { code: 'object-store.not-found', retryable: false }
  if (status === 409) return faulty
  if (status === 412) return { code: 'object-store.exists', retryable: false }
  if (status === 429 || status === 503) return throttled
  // A 200 whose body is an error or no XML at all comes without a rule of its own: try again, then look.
  if (status >= 500 || status < 300) return faulty
  return { code: 'object-store.failed', retryable: false }
}

/** Clock of the store minus ours, ms, from the reply’s Date or the error’s ServerTime. */
function clockOffset(sdk: SdkError): number | undefined {
  const told = Date.parse(sdk.ServerTime ?? sdk.$response?.headers?.['date'] ?? '')
  return Number.isFinite(told) ? Math.round(told - Date.now()) : undefined
}

function rightRegion(sdk: SdkError): string | undefined {
  const named = sdk.Region ?? sdk.$response?.headers?.['x-amz-bucket-region']
  if (named !== undefined && named !== '') return named
  // "the region 'us-east-1' is wrong; expecting 'eu-west-1'" and "bucket.s3.eu-west-1.amazonaws.com"
  return (
    /expecting '([a-z0-9-]+)'/.exec(sdk.message ?? '')?.[1] ??
    /\.s3[.-]([a-z0-9-]+)\.amazonaws/.exec(sdk.Endpoint ?? '')?.[1]
  )
}
