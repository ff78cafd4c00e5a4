import { createHash } from 'node:crypto'
import { AppError } from '../../../shared/errors/index.ts'
import type { RestoreSource } from '../port.ts'
import type { ServerFacts } from './server.ts'
import type { PostgresSession } from './session.ts'
import { majorOf } from './tools.ts'

/** What a restore learns of the server it goes to. */
export interface TargetServer {
  readonly roles: ReadonlySet<string>
  readonly restorer: string
}

/**
 * Takes the lock of a target name for as long as the session lives (J11). Advisory locks belong to a database:
 * all restores into a server exclude each other only through the same maintenance database.
 */
export async function lockTarget(session: PostgresSession, into: string): Promise<void> {
  const key = createHash('sha256').update(`holdfast restore ${into}`).digest().readBigInt64BE(0).toString()
  // The session only holds a lock of ours and no snapshot. It must outlive hours of silence, and a stopped
  // agent whose pg_restore still writes must go on holding it: so no idle time-out, but TCP keepalive.
  await session.query(
    `select set_config(name, '0', false) from pg_settings where name in ('idle_session_timeout')`,
  )
  const [row] = await session.query<{ taken: boolean }>('select pg_try_advisory_lock($1::bigint) as taken', [
    key,
  ])
  if (row?.taken !== true) throw new AppError('restore.target-locked', { context: { target: into } })
}

/** Whether a database of that name is there; true also while another one is being created. */
export async function databaseExists(session: PostgresSession, name: string): Promise<boolean> {
  const rows = await session.query('select 1 from pg_database where datname = $1', [name])
  return rows.length > 0
}

/**
 * Refuses before any work when the server lacks something the backup names: an older server, the right to
 * create databases, extensions, tablespaces, and (unless ownership is discarded) roles.
 */
export async function checkTarget(
  session: PostgresSession,
  facts: ServerFacts,
  source: RestoreSource,
): Promise<TargetServer> {
  const sourceMajor = majorOf(source.engine.server_version)
  if (sourceMajor !== undefined && facts.major < sourceMajor)
    throw new AppError('restore.requirement-missing', {
      message: `the backup is of PostgreSQL ${sourceMajor}, the target server is ${facts.major}`,
      hint: 'Restore into a server of the same or a newer major version.',
      context: { source_version: source.engine.server_version, target_version: facts.version },
    })
  const [me] = await session.query<{ name: string; creates: boolean }>(
    'select rolname::text as name, rolsuper or rolcreatedb as creates from pg_roles where rolname = current_user',
  )
  if (me?.creates !== true)
    throw new AppError('database.privilege-missing', {
      context: { missing: ['CREATEDB'], role: me?.name ?? '' },
    })
  const names = async (query: string) =>
    new Set((await session.query<{ name: string }>(query)).map(row => row.name))
  const roles = await names('select rolname::text as name from pg_roles')
  const extensions = await names('select name::text as name from pg_available_extensions')
  const tablespaces = await names('select spcname::text as name from pg_tablespace')

  const { requirements } = source
  const missing = [
    ...(source.ownership === 'discard'
      ? []
      : requirements.roles.filter(role => !roles.has(role)).map(quoted('role'))),
    ...requirements.extensions
      .map(extension => extension.name)
      .filter(name => !extensions.has(name))
      .map(quoted('extension')),
    ...requirements.tablespaces.filter(name => !tablespaces.has(name)).map(quoted('tablespace')),
  ]
  if (missing.length > 0) throw new AppError('restore.requirement-missing', { context: { missing } })
  return { roles, restorer: me.name }
}

/** Preload libraries that the original server had and this one has not: worth a word, seldom needed. */
export async function preloadWarnings(
  session: PostgresSession,
  source: RestoreSource,
): Promise<readonly string[]> {
  const rows = await session.query<{ setting: string }>(
    `select setting from pg_settings where name = 'shared_preload_libraries'`,
  )
  const setting = rows[0]?.setting
  if (setting === undefined) return []
  const loaded = new Set(setting.split(',').map(library => library.trim()))
  return source.requirements.preload_libraries
    .filter(library => !loaded.has(library))
    .map(library => `the original server preloads ${JSON.stringify(library)}, this one does not`)
}

function quoted(kind: string): (name: string) => string {
  return name => `${kind} ${JSON.stringify(name)}`
}
