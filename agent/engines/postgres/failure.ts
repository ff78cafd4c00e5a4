import { AppError, type ErrorCode, type ErrorContext } from '../../../shared/errors/index.ts'
import { presentable } from './presentable.ts'

/** SQLSTATE → what it means to us; the longest prefix wins. Source: PostgreSQL appendix A. */
const bySqlState: Readonly<Record<string, ErrorCode>> = {
  '08': 'database.unreachable',
  '28': 'database.auth-failed',
  '3D000': 'database.gone',
  '40': 'database.conflict',
  '42501': 'database.privilege-missing',
  '53300': 'database.unreachable',
  '55000': 'database.not-connectable',
  '55P03': 'database.conflict',
  '57014': 'database.conflict',
  '57P01': 'database.conflict',
  '57P02': 'database.conflict',
  '57P03': 'database.unreachable',
  '57P05': 'database.conflict',
  '25P03': 'database.conflict',
  '42P04': 'restore.target-exists',
}

const networkCodes = /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|EPIPE|ENOENT|EACCES)/
const tlsCodes = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO|HOSTNAME_MISMATCH)/

/** Turns what `pg` threw into an error of the registry; `fallback` is what remains when it says nothing. */
export function postgresFailure(thrown: unknown, context: ErrorContext, fallback: ErrorCode): AppError {
  if (thrown instanceof AppError) return thrown
  const error = thrown instanceof AggregateError ? (thrown.errors[0] ?? thrown) : thrown
  const detail = error instanceof Error ? error.message : String(error)
  const raw = error instanceof Error && 'code' in error ? String(error.code) : ''
  const code = codeFor(raw, detail) ?? fallback
  const named = raw === '' ? {} : { code: raw }
  // what a function of the user raised, e.g. one that an index computes, is the user's own text
  if (error instanceof Error && 'where' in error && /\bfunction\b/.test(String(error.where)))
    return new AppError(code, { context: { ...context, detail: 'raised by a function', ...named } })
  return new AppError(code, { context: { ...context, detail, ...named }, cause: thrown })
}

/** Whether a failed login may work without TLS: the server has none, or its access rules want none. */
export function refusesTls(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    (/does not support SSL/i.test(thrown.message) ||
      (/pg_hba\.conf/.test(thrown.message) && /SSL encryption|SSL on/.test(thrown.message)))
  )
}

function codeFor(raw: string, detail: string): ErrorCode | undefined {
  if (/^[0-9A-Z]{5}$/.test(raw) && /\d/.test(raw)) {
    const known = bySqlState[raw] ?? bySqlState[raw.slice(0, 2)]
    if (known !== undefined) return known
  }
  if (tlsCodes.test(raw) || /SSL|certificate|altnames/i.test(detail)) return 'database.tls-failed'
  if (networkCodes.test(raw)) return 'database.unreachable'
  if (/^SASL|password must be|authentication/i.test(detail)) return 'database.auth-failed'
  if (/timeout|Connection terminated|terminated unexpectedly|not queryable/i.test(detail))
    return 'database.unreachable'
  return undefined
}

/** What the stderr of a client tool means, first match wins. Message texts with LC_ALL=C. */
const toolMessages: readonly (readonly [RegExp, ErrorCode])[] = [
  [
    /aborting because of server version mismatch|unsupported version \([\d.]+\) in file header/,
    'tool.too-old',
  ],
  [
    /invalid snapshot identifier|snapshot ".*" does not exist|could not import the requested snapshot|source (process|transaction) .* is not running/s,
    'dump.snapshot-lost',
  ],
  [/database ".*" does not exist/s, 'database.gone'],
  [
    /password authentication failed|no password supplied|no pg_hba\.conf entry|role ".*" does not exist/s,
    'database.auth-failed',
  ],
  [/is not currently accepting connections|cannot connect to invalid database/, 'database.not-connectable'],
  [
    /SSL error|certificate verify failed|server does not support SSL|root certificate file/,
    'database.tls-failed',
  ],
  [/permission denied|query would be affected by row-level security/, 'database.privilege-missing'],
  [
    /conflict with recovery|canceling statement|terminating connection|deadlock detected|server closed the connection|out of shared memory|could not open relation|cache lookup failed/,
    'database.conflict',
  ],
  [/connection to server .* failed|could not translate host name|could not connect/s, 'database.unreachable'],
]

/** The registry's word for a tool that failed with this stderr; undefined when it is none we know. */
export function toolFailure(stderrTail: string, context: ErrorContext): AppError | undefined {
  const code = toolMessages.find(([pattern]) => pattern.test(stderrTail))?.[1]
  if (code === undefined) return undefined
  return new AppError(code, { context: { ...context, detail: presentable(stderrTail) } })
}
