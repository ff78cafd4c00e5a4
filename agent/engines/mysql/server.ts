import { AppError } from '../../../shared/errors/index.ts'
import type { IdentityEvidence } from '../../../shared/model/engine.ts'
import type { EngineContext, InstanceTarget } from '../port.ts'
import type { Dialect } from './dialect.ts'
import { type Grants, parseGrants } from './grants.ts'
import { systemSchemas } from './name.ts'
import { type MysqlSession, withSession } from './session.ts'

/** What every operation asks first. */
export interface ServerFacts {
  readonly version: string
  readonly readOnly: boolean
  readonly evidence: readonly IdentityEvidence[]
  readonly grants: Grants
}

/** Asks it. Errors: `database.wrong-engine` when the server is of the other family. */
export async function readServerFacts(session: MysqlSession, dialect: Dialect): Promise<ServerFacts> {
  const [version = ''] = await session.run('SELECT VERSION()')
  if (!dialect.isOwnServer(version))
    throw new AppError('database.wrong-engine', { context: { configured: dialect.kind, server: version } })
  const variable = async (name: string) =>
    (await session.run(`SHOW GLOBAL VARIABLES LIKE '${name}'`))[0]?.split('\t')[1] ?? ''
  // SHOW, since a variable that a version does not have is an error in SELECT (MariaDB had no identity before 10.6).
  const value = await variable(dialect.identity.variable)
  // Never log these lines: MariaDB prints the password hash.
  const grants = parseGrants(await session.run('SHOW GRANTS'))
  return {
    version,
    // More than ON and OFF in newer versions: whatever is not OFF keeps writers out.
    readOnly: (await variable('read_only')) !== 'OFF',
    evidence: value === '' ? [] : [{ kind: dialect.identity.evidence, value }],
    grants,
  }
}

/** Where a server stands in replication. */
export type Replication =
  | { readonly role: 'primary' }
  | { readonly role: 'replica'; readonly lagSeconds: number; readonly source?: Source }
  /** A replica whose threads do not run: its lag cannot be told. */
  | { readonly role: 'replica'; readonly lagSeconds?: never; readonly source?: Source }

/** Whom a replica receives from now. */
export interface Source {
  readonly host: string
  readonly port: number
}

/**
 * Asks for replication. Whoever may not ask sees a primary, unless the server is read-only: then it may well
 * be a replica, and the age of its data must not be guessed (P1). Errors: `database.privilege-missing`.
 */
export async function readReplication(
  target: InstanceTarget,
  dialect: Dialect,
  context: EngineContext,
  facts: ServerFacts,
): Promise<Replication> {
  if (!dialect.replicaPrivileges.some(privilege => facts.grants.everywhere(privilege))) {
    if (!facts.readOnly) return { role: 'primary' }
    throw new AppError('database.privilege-missing', {
      message: 'the server is read-only, and the backup role may not ask how far behind it is',
      context: { missing: [`one of ${dialect.replicaPrivileges.join(', ')}`] },
    })
  }
  const lines = await withSession(target, dialect, context, { vertical: true }, session =>
    session.run(dialect.replicaStatus),
  )
  return replicationOf(lines)
}

/** Reads the vertical rows of a replica status, one a source; the slowest counts. */
export function replicationOf(lines: readonly string[]): Replication {
  const lags = lines
    .map(line => /^\s*Seconds_Behind_(?:Master|Source): (.*)$/.exec(line)?.[1])
    .filter(lag => lag !== undefined)
  if (lags.length === 0) return { role: 'primary' }
  const source = sourceOf(lines)
  const following = { role: 'replica', ...(source === undefined ? {} : { source }) } as const
  if (lags.some(lag => !/^\d+$/.test(lag))) return following
  return { ...following, lagSeconds: Math.max(...lags.map(Number)) }
}

/** The one source it is connected to; none of several. */
function sourceOf(lines: readonly string[]): Source | undefined {
  const values = (name: string) =>
    lines.flatMap(
      line => new RegExp(`^\\s*(?:Master|Source|Slave|Replica)_${name}: (.*)$`).exec(line)?.[1] ?? [],
    )
  const [host, ...others] = values('Host')
  const [port] = values('Port')
  const receives = values('IO_Running')[0] === 'Yes'
  return host === undefined || host === '' || others.length > 0 || !receives || !/^\d+$/.test(port ?? '')
    ? undefined
    : { host, port: Number(port) }
}

/** A moment on the server. */
export interface Moment {
  readonly dataAsOf: number
  readonly clockOffsetMs: number
  readonly gtid: string
}

/**
 * Reads the moment a dump that starts *after* this call is true of: never later than its snapshot (P1). On a
 * replica the lag is taken off, and one second more, since the server counts whole ones. It does not see what
 * its source has not yet sent: that is replication's own blind spot.
 *
 * Errors: `database.replication-stopped` when the lag cannot be told.
 */
export async function readMoment(
  session: MysqlSession,
  dialect: Dialect,
  replication: Replication,
): Promise<Moment> {
  if (replication.role === 'replica' && replication.lagSeconds === undefined)
    throw new AppError('database.replication-stopped')
  const sent = Date.now()
  const [row] = await session.rows<{ now: number; gtid: string | null }>(
    `SELECT JSON_OBJECT('now', CAST(FLOOR(UNIX_TIMESTAMP(SYSDATE(3)) * 1000) AS UNSIGNED), 'gtid', @@GLOBAL.${dialect.gtidPosition})`,
  )
  if (row === undefined) throw new Error('the server answered without a row')
  const received = Date.now()
  const behind = replication.role === 'replica' ? ((replication.lagSeconds ?? 0) + 1) * 1_000 : 0
  return {
    dataAsOf: row.now - behind,
    // Plus nothing, lest it be a minus zero.
    clockOffsetMs: Math.round(row.now - (sent + received) / 2) + 0,
    gtid: (row.gtid ?? '').replaceAll(/\s/g, ''),
  }
}

/** `NOT IN (…)` for the schemas of the server itself. */
export const notSystem = `NOT IN (${systemSchemas.map(name => `'${name}'`).join(', ')})`

/** What a dump of one database needs and the role lacks; words for people. */
export function missingFor(grants: Grants, dialect: Dialect, database: string): readonly string[] {
  // Without TRIGGER, SHOW TRIGGERS is empty and the dump ends well: all of these are checked beforehand.
  const missing = ['SELECT', 'SHOW VIEW', 'TRIGGER', 'EVENT'].filter(
    privilege => !grants.on(privilege, database),
  )
  const routines =
    dialect.routinePrivileges.some(privilege => grants.everywhere(privilege)) || grants.on('SELECT', 'mysql')
  return routines
    ? missing
    : [...missing, `${dialect.routinePrivileges.join(' or ')} on *.* (reads stored routines)`]
}
