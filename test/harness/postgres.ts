import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { freePort } from './free-port.ts'
import { nobody, type OwnedProcess, startProcess } from './owned-process.ts'
import { type Credentials, quoteIdentifier, quoteLiteral, writeCredentials } from './postgres-credentials.ts'
import { createQuerier } from './postgres-query.ts'
import { copyPostgresTemplate, scramVerifier } from './postgres-template.ts'
import { provision } from './provision.ts'
import { run } from './run.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { waitUntil } from './wait-until.ts'

/** Which PostgreSQL (18, or the host's own), and settings for its command line, such as `{ wal_level: 'logical' }`. */
export interface PostgresOptions {
  readonly version?: number
  readonly settings?: Readonly<Record<string, string>>
}

/** A PostgreSQL server of a test. The credentials are those of the superuser `postgres`. */
export interface PostgresServer extends Credentials, AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Major version. */
  readonly version: number
  /** Folder with psql, pg_dump, pg_restore and pg_dumpall of this version. */
  readonly bin: string
  /** Process id of the running server. */
  readonly pid: number
  /** Connection URL for the `pg` module. */
  url(database?: string): string
  /** Runs SQL, with psql where that is needed, and returns psql's output, unaligned, rows only, trimmed. Throws with the server's message on the first error. */
  psql(sql: string, database?: string): Promise<string>
  /** Creates a database; any name will do. */
  createDatabase(name: string): Promise<void>
  /** Creates a role that may log in; attributes such as `IN ROLE pg_read_all_data`. */
  createRole(name: string, attributes?: string): Promise<Credentials>
  /** Sends a signal and waits until the server has gone; its data stay. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port and data. */
  restart(): Promise<void>
  /** The server's log so far. */
  log(): Promise<string>
  /** Ends the server and removes its data. */
  stop(): Promise<void>
}

// What is committed survives kill -9 (synchronous_commit stays on), not a power cut: speed is worth more here
const baseSettings = {
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '64MB',
  // Its workers come when they like, and count through a whole run
  autovacuum: 'off',
  jit: 'off',
  max_connections: '60',
  max_wal_size: '1GB',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
}

/** Starts a PostgreSQL server of its own on a free port of 127.0.0.1; about a second. Throws with the server's log when it does not come up. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const found = await provision(options.version === 18 ? 'postgres18' : 'postgres')
  if (!found.available) throw new Error(`no PostgreSQL for this test: ${found.reason}`)
  const { bin } = found
  const version = await majorOf(bin)
  if (version !== (options.version ?? version))
    throw new Error(`PostgreSQL ${version} is here, not ${options.version}`)
  const folder = await temporaryFolder('postgres')
  const own = join(folder.path, 'server')
  const logFile = join(own, 'server.log')
  const data = join(own, 'data')
  const host = '127.0.0.1'
  const credentials = await writeCredentials(folder.path, 'postgres', randomBytes(12).toString('hex'))
  await mkdir(own, { mode: 0o700 })
  if (process.getuid?.() === 0) {
    await chmod(folder.path, 0o711)
    await chown(own, nobody, nobody)
  }

  const port = await freePort()
  let server: OwnedProcess | undefined

  const start = async () => {
    const settings = Object.entries({ ...baseSettings, ...options.settings, port: String(port) })
    const started = await startProcess(
      join(bin, 'postgres'),
      ['-D', data, ...settings.flatMap(([key, value]) => ['-c', `${key}=${value}`])],
      { name: 'postgres', asNobody: true, logFile, cwd: own },
    )
    server = started
    const up = await waitUntil(async () => !started.running || (await ready(data, started.pid)), {
      what: 'PostgreSQL to accept connections',
      timeout: 30_000,
    }).catch(() => false)
    if (!up || !started.running) {
      await started.stop('SIGKILL')
      throw new Error(`PostgreSQL did not start: ${await readFile(logFile, 'utf8').catch(() => 'no log')}`)
    }
  }
  const psql = async (sql: string, database = 'postgres', over: NodeJS.ProcessEnv = {}) => {
    // The name goes by environment: as an argument it would be parsed as a connection string
    const env = {
      ...process.env,
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: credentials.user,
      PGPASSFILE: credentials.pgpassFile,
      PGDATABASE: database,
      ...over,
    }
    const args = ['-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1']
    return (await run(join(bin, 'psql'), args, { env, input: sql })).stdout.trim()
  }
  const querier = createQuerier({ host, port, user: credentials.user, password: credentials.password })
  const ask = async (sql: string, database = 'postgres') =>
    (await querier.ask(sql, database)) ?? (await psql(sql, database))
  const stop = async () => {
    await querier.close()
    await server?.stop('SIGQUIT')
    await folder.remove()
  }
  try {
    const password = await copyPostgresTemplate(bin, data)
    await start()
    await psql(
      `ALTER ROLE postgres PASSWORD ${quoteLiteral(scramVerifier(credentials.password))}`,
      'postgres',
      { PGPASSWORD: password },
    )
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...credentials,
    host,
    port,
    version,
    bin,
    get pid() {
      return server?.pid ?? -1
    },
    url: (database = 'postgres') =>
      `postgresql://${credentials.user}:${credentials.password}@${host}:${port}/${encodeURIComponent(database)}`,
    psql: ask,
    createDatabase: async name => {
      await ask(`CREATE DATABASE ${quoteIdentifier(name)}`)
    },
    createRole: async (name, attributes = '') => {
      const role = await writeCredentials(folder.path, name, randomBytes(12).toString('hex'))
      await ask(
        `CREATE ROLE ${quoteIdentifier(name)} LOGIN PASSWORD ${quoteLiteral(scramVerifier(role.password))} ${attributes}`,
      )
      return role
    },
    kill: async signal => {
      await querier.close()
      server?.signal(signal)
      await server?.exited
    },
    restart: async () => {
      await querier.close()
      await server?.stop('SIGINT', 10_000)
      await start()
    },
    log: () => readFile(logFile, 'utf8'),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function majorOf(bin: string): Promise<number> {
  const { stdout } = await run(join(bin, 'postgres'), ['--version'])
  return Number(/(\d+)/.exec(stdout)?.[1])
}

/** Whether the server says so in its own file, which costs no process; what a killed one left behind names another process. */
async function ready(data: string, pid: number): Promise<boolean> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready'
}
