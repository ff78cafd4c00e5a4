import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { Client, type ClientConfig } from 'pg'
import { AppError, type ErrorCode } from '../../../shared/errors/index.ts'
import type { InstanceTarget } from '../port.ts'
import { readPassword } from '../secret-file.ts'
import { postgresFailure, refusesTls } from './failure.ts'
import { connectTimeoutSeconds, serverKeepalive } from './libpq.ts'

/** One connection of ours to one database. */
export interface PostgresSession {
  /** Runs one statement; failures are errors of the registry. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>
  close(): Promise<void>
}

/** How a session behaves. */
export interface SessionOptions {
  /** Goes into `application_name` after `holdfast`, so that a DBA sees who it is. */
  readonly purpose: string
  readonly signal: AbortSignal
  /** Server-side, milliseconds; default one minute, 0 for none. */
  readonly statementTimeoutMs?: number
  /** The code for a failure that says nothing we know; default `database.conflict`. */
  readonly fallback?: ErrorCode
  /** Server settings beside or instead of the usual ones; must be known to the server's version. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** Told once when the connection ends without our doing, also while it is idle. */
  readonly onLost?: (error: AppError) => void
}

const defaultStatementTimeoutMs = 60_000
const lockTimeoutMs = 5_000
const goodbyeMs = 2_000

/**
 * Opens a session. Time-outs are set on the server (P6), in the start-up packet, where they win over whatever
 * the role or the database was given. Ends when the signal aborts.
 */
export async function openSession(
  target: InstanceTarget,
  database: string,
  options: SessionOptions,
): Promise<PostgresSession> {
  const password = await readPassword(target)
  const tls = target.host.startsWith('/') ? 'disable' : (target.tls ?? 'prefer')
  const attempts = await tlsAttempts(tls, target)
  const context = { host: target.host, port: target.port, user: target.user, database }
  for (const [index, ssl] of attempts.entries()) {
    try {
      return await connect(target, database, password, ssl, options)
    } catch (thrown) {
      if (options.signal.aborted) throw AppError.from(options.signal.reason, 'interrupted')
      if (index + 1 < attempts.length && refusesTls(thrown)) continue
      throw postgresFailure(thrown, context, 'database.unreachable')
    }
  }
  throw new AppError('internal', { message: 'no way to connect was tried' })
}

/** Does `work` on a session that is closed afterwards, whatever happens. */
export async function withSession<T>(
  target: InstanceTarget,
  database: string,
  options: SessionOptions,
  work: (session: PostgresSession) => Promise<T>,
): Promise<T> {
  const session = await openSession(target, database, options)
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

async function connect(
  target: InstanceTarget,
  database: string,
  password: string | undefined,
  ssl: NonNullable<ClientConfig['ssl']>,
  options: SessionOptions,
): Promise<PostgresSession> {
  options.signal.throwIfAborted()
  const statementTimeout = options.statementTimeoutMs ?? defaultStatementTimeoutMs
  const settings = {
    ...serverKeepalive,
    statement_timeout: statementTimeout,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: 60_000,
    search_path: 'pg_catalog',
    DateStyle: 'ISO',
    TimeZone: 'UTC',
    ...options.settings,
  }
  // The socket is ours, so that an abort can end it at once whatever the protocol is waiting for.
  const socket = new Socket()
  const client = new Client({
    host: target.host,
    port: target.port,
    user: target.user,
    database,
    // A function, since `pg` takes an empty or missing password for "look into PGPASSWORD and ~/.pgpass".
    password: () => password ?? '',
    ssl,
    stream: () => socket,
    application_name: `holdfast ${options.purpose}`,
    connectionTimeoutMillis: connectTimeoutSeconds * 1_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    // Belt for a server that no longer answers at all: the braces are on its side.
    ...(statementTimeout === 0 ? {} : { query_timeout: statementTimeout + 10_000 }),
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  })
  const context = { host: target.host, port: target.port, database }
  let lost: unknown
  let quiet = true
  const onLost = (thrown: unknown) => {
    if (lost !== undefined) return
    lost = thrown
    if (!quiet && !options.signal.aborted)
      options.onLost?.(postgresFailure(thrown, context, 'database.unreachable'))
  }
  client.on('error', onLost)
  client.on('end', () => onLost(new Error('Connection terminated')))
  const onAbort = () => {
    socket.destroy()
  }
  options.signal.addEventListener('abort', onAbort, { once: true })
  try {
    await client.connect()
  } catch (thrown) {
    options.signal.removeEventListener('abort', onAbort)
    socket.destroy()
    throw thrown
  }
  quiet = false

  return {
    async query<Row extends object>(text: string, values: readonly unknown[] = []) {
      try {
        if (lost !== undefined) throw lost
        const result = await client.query<Row>(text, [...values])
        return result.rows
      } catch (thrown) {
        if (options.signal.aborted) throw AppError.from(options.signal.reason, 'interrupted')
        throw postgresFailure(thrown, context, options.fallback ?? 'database.conflict')
      }
    },
    async close() {
      quiet = true
      options.signal.removeEventListener('abort', onAbort)
      if (socket.destroyed) return
      // A server that does not take our goodbye must not hold us.
      const timer = setTimeout(() => socket.destroy(), goodbyeMs)
      await client.end().catch(() => undefined)
      clearTimeout(timer)
      socket.destroy()
    },
  }
}

/** What to try, in order, for each word of the target; libpq's meaning of the words. */
async function tlsAttempts(
  tls: NonNullable<InstanceTarget['tls']>,
  target: InstanceTarget,
): Promise<NonNullable<ClientConfig['ssl']>[]> {
  switch (tls) {
    case 'disable':
      return [false]
    case 'prefer':
      return [{ rejectUnauthorized: false }, false]
    case 'require':
      return [{ rejectUnauthorized: false }]
    case 'verify-full': {
      const path = target.tlsCaFile
      const ca =
        path === undefined
          ? undefined
          : await readFile(path, 'utf8').catch(cause => {
              throw new AppError('database.tls-failed', {
                message: 'the CA file for verify-full cannot be read',
                context: { path },
                cause,
              })
            })
      // `host` is what the certificate is compared with when it is an address (`pg` names it otherwise).
      return [{ rejectUnauthorized: true, host: target.host, ...(ca === undefined ? {} : { ca }) }]
    }
  }
}
