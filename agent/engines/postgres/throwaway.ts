import { randomBytes } from 'node:crypto'
import { chown, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../../shared/errors/index.ts'
import type { Requirements } from '../../../shared/model/manifest.ts'
import { type RunningServer, runCommand, startServer } from '../../process/index.ts'
import type {
  EngineContext,
  InstanceTarget,
  ThrowawayOptions,
  ThrowawayServer,
  ThrowawayServers,
  ToolFinder,
} from '../port.ts'
import { writePrivate } from '../secret-file.ts'
import {
  answering,
  mayRunServers,
  serverFailed,
  type ThrowawayPlace,
  takePlace,
  throwawayStartMs,
} from '../throwaway.ts'
import { quoteIdentifier, quoteLiteral } from './name.ts'
import { openSession, type PostgresSession, withSession } from './session.ts'
import { majorOf } from './tools.ts'

/** The oldest major whose server is looked for, and how many above it; one appears a year. */
const majors = Array.from({ length: 31 }, (_, index) => 10 + index)
const stopMs = 10_000
const port = 5432
/** Nobody's database has this name, so that a backup of any, `postgres` included, can be restored beside it. */
const maintenance = 'holdfast-verify'

/**
 * Settings of a server that is worth nothing tomorrow: no durability, no network, nothing that runs by itself.
 * `logical` since a publication warns on anything less, and a restore takes a warning for a failure; shared memory in
 * the folder, so that it goes with it; a crash of one backend ends the server, so that it shows as such.
 */
const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  port: String(port),
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  autovacuum: 'off',
  wal_level: 'logical',
  max_wal_senders: '0',
  max_wal_size: '1GB',
  checkpoint_timeout: '30min',
  max_connections: '60',
  max_locks_per_transaction: '1024',
  shared_buffers: '128MB',
  maintenance_work_mem: '128MB',
  dynamic_shared_memory_type: 'mmap',
  huge_pages: 'off',
  restart_after_crash: 'off',
  logging_collector: 'off',
  // a failed statement may hold somebody's rows
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  timezone: 'UTC',
}

/** See the port. */
export const throwaway: ThrowawayServers = {
  versions: async (tools, user) => (await programs(tools, user)).map(({ version }) => version),
  choose: chooseVersion,
  start,
}

/** Of the backup's own major, else the oldest newer one. Pure. */
export function chooseVersion(versions: readonly string[], serverVersion: string): string | undefined {
  const wanted = majorOf(serverVersion)
  if (wanted === undefined) return undefined
  return versions
    .map(version => ({ version, major: majorOf(version) ?? 0 }))
    .filter(({ major }) => major >= wanted)
    .sort((a, b) => a.major - b.major)[0]?.version
}

interface ServerProgram {
  readonly version: string
  /** Folder of `postgres` and `initdb`. */
  readonly bin: string
}

/** The oldest first. None for root without another user to run them as. */
async function programs(tools: ToolFinder, user: string | undefined): Promise<readonly ServerProgram[]> {
  if (!(await mayRunServers(tools, user))) return []
  const found = new Map<string, ServerProgram>()
  for (const folders of [
    [],
    ...majors.map(major => [`/usr/lib/postgresql/${major}/bin`, `/usr/pgsql-${major}/bin`]),
  ]) {
    const tool = await tools.find(['postgres'], folders).catch(() => undefined)
    const version = /\(PostgreSQL\)\s+(\S+)/.exec(tool?.version ?? '')?.[1]
    if (tool === undefined || version === undefined) continue
    const bin = dirname(tool.path)
    const initdb = await stat(join(bin, 'initdb')).catch(() => undefined)
    if (initdb !== undefined) found.set(bin, { version, bin })
  }
  return [...found.values()].sort((a, b) => (majorOf(a.version) ?? 0) - (majorOf(b.version) ?? 0))
}

async function start(options: ThrowawayOptions, context: EngineContext): Promise<ThrowawayServer> {
  const { folder, requirements, serverVersion, user } = options
  const { tools, signal } = context
  const place = await takePlace(options, `.s.PGSQL.${port}`, tools)
  const there = await programs(tools, user)
  const chosen = chooseVersion(
    there.map(({ version }) => version),
    serverVersion,
  )
  const program = there.find(({ version }) => version === chosen)
  if (program === undefined)
    throw new AppError('verify.no-server', {
      context: {
        engine: 'postgres',
        server_version: serverVersion,
        found: there.map(({ version }) => version),
      },
    })
  const password = randomBytes(24).toString('base64url')
  await initialize(program, password, place, context)
  const server = await startServer(
    {
      name: 'postgres',
      program: join(program.bin, 'postgres'),
      args: [
        ...['-D', join(folder, 'data')],
        ...Object.entries({ ...settings, unix_socket_directories: folder }).flatMap(([name, value]) => [
          '-c',
          `${name}=${value}`,
        ]),
      ],
      through: place.through,
    },
    folder,
    tools,
  )
  try {
    const target: InstanceTarget = {
      engine: 'postgres',
      host: folder,
      port,
      user: 'postgres',
      passwordFile: await writePrivate(context, 'throwaway', password),
      maintenanceDatabase: maintenance,
      tls: 'disable',
    }
    await prepare(target, server, { ...place, requirements, signal })
    return {
      target,
      version: program.version,
      sameLine: majorOf(program.version) === majorOf(serverVersion),
      get running() {
        return server.running
      },
      [Symbol.asyncDispose]: () => server.stop('SIGQUIT', stopMs),
    }
  } catch (thrown) {
    await server.stop('SIGQUIT', stopMs)
    throw thrown
  }
}

async function initialize(
  { bin }: ServerProgram,
  password: string,
  { folder, as, through }: ThrowawayPlace,
  { tools, signal }: EngineContext,
): Promise<void> {
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' })
  if (as !== undefined) await chown(passwordFile, as.uid, as.gid)
  try {
    await runCommand(
      {
        name: 'initdb',
        program: join(bin, 'initdb'),
        args: [
          ...[
            '-D',
            join(folder, 'data'),
            '-U',
            'postgres',
            '-A',
            'scram-sha-256',
            `--pwfile=${passwordFile}`,
          ],
          // what a restored database asks for it gets from template0
          ...['-E', 'UTF8', '--locale=C', '--no-sync'],
        ],
        through,
      },
      { tools, signal, timeoutMs: throwawayStartMs },
    )
  } catch (thrown) {
    throw serverFailed(AppError.from(thrown))
  } finally {
    await rm(passwordFile, { force: true })
  }
}

/** Waits until it answers, then makes what the backup needs: its roles, its tablespaces, a free name. */
async function prepare(
  target: InstanceTarget,
  server: RunningServer,
  options: Pick<ThrowawayPlace, 'folder' | 'as'> & {
    readonly requirements: Requirements
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { signal } = options
  const first = await answering(
    () => openSession(target, 'postgres', { purpose: 'throw-away', signal }),
    server,
    signal,
  )
  try {
    await first.query(`CREATE DATABASE ${quoteIdentifier(maintenance)} TEMPLATE template0`)
  } finally {
    await first.close()
  }
  await withSession(target, maintenance, { purpose: 'throw-away', signal }, async session => {
    await session.query('ALTER DATABASE template1 IS_TEMPLATE false')
    for (const name of ['postgres', 'template1']) await session.query(`DROP DATABASE ${name}`)
    await makeRoles(session, options.requirements.roles)
    await makeTablespaces(session, options.requirements.tablespaces, options)
  })
}

/**
 * They own and may, and nobody can log in as them. All are superusers, since some objects want such an owner, and
 * what else a role was a member of stands in the globals, not in the backup of a database.
 */
async function makeRoles(session: PostgresSession, roles: readonly string[]): Promise<void> {
  const there = new Set(
    (await session.query<{ name: string }>('select rolname::text as name from pg_roles')).map(
      ({ name }) => name,
    ),
  )
  for (const role of roles)
    if (!there.has(role) && !role.startsWith('pg_'))
      await session.query(`CREATE ROLE ${quoteIdentifier(role)} SUPERUSER NOLOGIN`)
}

/** Each a folder of ours: a restore need not know that they are all on one disk. */
async function makeTablespaces(
  session: PostgresSession,
  tablespaces: readonly string[],
  { folder, as }: Pick<ThrowawayPlace, 'folder' | 'as'>,
): Promise<void> {
  for (const [index, tablespace] of tablespaces.entries()) {
    const path = join(folder, `tablespace-${index}`)
    await mkdir(path, { mode: 0o700 })
    if (as !== undefined) await chown(path, as.uid, as.gid)
    await session.query(`CREATE TABLESPACE ${quoteIdentifier(tablespace)} LOCATION ${quoteLiteral(path)}`)
  }
}
