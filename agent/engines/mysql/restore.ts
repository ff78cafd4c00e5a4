import { createHash } from 'node:crypto'
import { AppError } from '../../../shared/errors/index.ts'
import type { EngineContext, InstanceTarget, RestoreSession, RestoreSource } from '../port.ts'
import type { Dialect } from './dialect.ts'
import { clientFailure, errorLinesOf } from './failure.ts'
import { checkName, quoteIdentifier, quoteLiteral } from './name.ts'
import { writeOptionFile } from './option-file.ts'
import { readServerFacts } from './server.ts'
import { type MysqlSession, openSession, withSession } from './session.ts'
import { complaintsOf } from './stderr.ts'
import { demandSeries, knowsSandbox, olderSeries, versionOf } from './tools.ts'

/** The lock session shows a sign of life this often, and is ended by the server after ten times as long. */
const pingMs = 60_000
/** Dropping a half restored giant. */
const patientMs = 10 * 60_000

/**
 * See the port and J11. These engines cannot rename a database, so the target itself is written: CREATE
 * DATABASE is what makes it ours, and `commit` only confirms that the lock was held all the time.
 */
export async function openRestore(
  target: InstanceTarget,
  dialect: Dialect,
  source: RestoreSource,
  into: string,
  context: EngineContext,
): Promise<RestoreSession> {
  checkName(into)
  if (source.engine.kind !== dialect.kind)
    throw new AppError('restore.requirement-missing', {
      message: `the backup is of ${source.engine.kind}, the target server of ${dialect.kind}`,
      hint: 'Restore into a server of the same engine.',
    })
  const lock = await openSession(target, dialect, context, {
    idleTimeoutSeconds: (pingMs / 1_000) * 10,
    statementTimeoutMs: patientMs,
    fallback: 'restore.failed',
  })
  try {
    return await prepare(target, dialect, source, into, context, lock)
  } catch (thrown) {
    await lock.close()
    throw thrown
  }
}

async function prepare(
  target: InstanceTarget,
  dialect: Dialect,
  source: RestoreSource,
  into: string,
  context: EngineContext,
  lock: MysqlSession,
): Promise<RestoreSession> {
  const lockName = `'holdfast:${createHash('sha256').update(into).digest('hex').slice(0, 40)}'`
  const facts = await readServerFacts(lock, dialect)
  if ((await lock.run(`SELECT GET_LOCK(${lockName}, 0)`))[0] !== '1')
    throw new AppError('restore.target-locked', { context: { target: into } })
  const schema = `schema_name = ${quoteLiteral(into)}`
  const found = await lock.run(`SELECT COUNT(*) FROM information_schema.schemata WHERE ${schema}`)
  if (found[0] !== '0') throw new AppError('restore.target-exists', { context: { target: into } })
  checkVersions(lock, dialect, source, facts.version)
  const warnings = await checkAccounts(target, dialect, source, context, lock)
  const file = await writeOptionFile(target, dialect, context, 'client')
  await lock.run(createStatement(into, source, dialect))

  let pinging: Promise<unknown> = Promise.resolve()
  let lost: unknown
  // One statement at a time: a ping and a question of ours take turns.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = pinging.then(work)
    pinging = turn.catch(thrown => {
      lost ??= thrown
    })
    return turn
  }
  const timer = setInterval(() => {
    inTurn(() => lock.run('DO 0')).catch(() => undefined)
  }, pingMs)
  timer.unref()
  let committed = false

  return {
    workingName: into,
    warnings,
    consumer: () => ({
      name: lock.client.name,
      program: lock.client.path,
      args: [
        `--defaults-file=${file}`,
        // No client command and no local file for what comes out of a bucket.
        '--binary-mode',
        '--local-infile=0',
        // MariaDB's client takes comments out by default: out of routines in silence, and triggers and events
        // that hold one, which a dump wraps into a comment, become broken statements.
        '--comments',
        '--skip-reconnect',
        '--max-allowed-packet=1G',
        `--database=${into}`,
      ],
    }),
    diagnose(_streamName, stderrTail) {
      const about = { database: into, stage: lock.client.name }
      const known = clientFailure(stderrTail, about)
      if (known !== undefined || stderrTail.trim() === '') return known
      // Never `undefined` when there are words: those would be shown as they are, and may be rows.
      const detail = errorLinesOf(stderrTail)
      return new AppError('restore.failed', { context: { ...about, ...(detail === '' ? {} : { detail }) } })
    },
    async verify(streamName, stderrTail) {
      const complaints = complaintsOf(stderrTail)
      if (complaints.length > 0)
        throw new AppError('restore.failed', { context: { stream: streamName, warnings: complaints } })
    },
    async prepareCommit() {
      if (lost !== undefined) throw AppError.from(lost, 'restore.failed')
    },
    async commit() {
      if (lost !== undefined) throw AppError.from(lost, 'restore.failed')
      const held = await inTurn(() => lock.run(`SELECT IS_USED_LOCK(${lockName}) = CONNECTION_ID()`))
      if (held[0] !== '1')
        throw new AppError('database.conflict', { context: { target: into, detail: 'lock lost' } })
      committed = true
    },
    async abandon() {
      if (committed) return
      // Cleaning up comes after the abort, and must not die of it.
      const afresh = { ...context, signal: AbortSignal.timeout(patientMs) }
      await withSession(
        target,
        dialect,
        afresh,
        { statementTimeoutMs: patientMs, fallback: 'restore.failed' },
        session => session.run(`DROP DATABASE IF EXISTS ${quoteIdentifier(into)}`),
      )
    },
    async close() {
      clearInterval(timer)
      await pinging
      await lock.close()
    },
  }
}

function createStatement(into: string, source: RestoreSource, dialect: Dialect): string {
  const word = (text: string | undefined) => (text !== undefined && /^\w+$/.test(text) ? text : undefined)
  const charset = word(source.settings?.encoding)
  const collation = word(source.settings?.collation)
  const comment = dialect.databaseComment ? source.settings?.comment : undefined
  return [
    `CREATE DATABASE ${quoteIdentifier(into)}`,
    ...(charset === undefined ? [] : [`CHARACTER SET ${charset}`]),
    ...(collation === undefined ? [] : [`COLLATE ${collation}`]),
    ...(comment === undefined ? [] : [`COMMENT ${quoteText(comment)}`]),
  ].join(' ')
}

/** COMMENT takes no hexadecimal literal. */
function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/** An older server or client fails in the middle, or worse, does not. */
function checkVersions(lock: MysqlSession, dialect: Dialect, source: RestoreSource, server: string): void {
  const from = versionOf(source.engine.server_version)
  const to = versionOf(server)
  if (from !== undefined && to !== undefined && olderSeries(to, from))
    throw new AppError('restore.requirement-missing', {
      message: `the backup is of ${dialect.title} ${from.join('.')}, the target server is ${to.join('.')}`,
      hint: 'Restore into a server of the same or a newer version.',
      context: { source_version: source.engine.server_version, target_version: server },
    })
  demandSeries(lock.client, server)
  const client = versionOf(lock.client.version)
  const dumpedBy = source.engine.tools
    .map(tool => versionOf(tool.version))
    .find(version => version !== undefined)
  if (client === undefined || dumpedBy === undefined) return
  if (knowsSandbox(dialect, dumpedBy) && !knowsSandbox(dialect, client))
    throw new AppError('tool.too-old', {
      message: 'the client does not understand the first line of this dump (sandbox mode)',
      hint: `Install a newer ${lock.client.name} on this host.`,
      context: { tool: lock.client.name, version: lock.client.version },
    })
}

/**
 * Demands the accounts that the backup's objects run as, unless ownership is discarded; then they are made all
 * the same, and fail when used. Also says when events would start to fire in the copy.
 */
async function checkAccounts(
  target: InstanceTarget,
  dialect: Dialect,
  source: RestoreSource,
  context: EngineContext,
  lock: MysqlSession,
): Promise<readonly string[]> {
  const scheduler = await lock.run('SELECT @@GLOBAL.event_scheduler')
  const warnings = /^(ON|1)$/i.test(scheduler[0] ?? '')
    ? ['the event scheduler of the target runs: events of the backup fire in the copy as soon as they exist']
    : []
  const { roles } = source.requirements
  if (roles.length === 0) return warnings
  // A session of its own: a role that may not read mysql.user ends it, and then nothing can be checked.
  const known = await withSession(target, dialect, context, {}, session =>
    session.rows<{ account: string }>(
      "SELECT JSON_OBJECT('account', CONCAT(user, '@', host)) FROM mysql.user",
    ),
  ).catch(() => undefined)
  if (known === undefined)
    return [...warnings, 'the accounts of the target could not be read: definers are unchecked']
  const accounts = new Set(known.map(row => row.account))
  const missing = roles.filter(role => !accounts.has(role)).map(role => `account ${JSON.stringify(role)}`)
  if (missing.length === 0) return warnings
  if (source.ownership === 'discard')
    return [...warnings, ...missing.map(account => `${account} is missing: what runs as it fails when used`)]
  throw new AppError('restore.requirement-missing', {
    hint: 'Create the accounts named, or restore without owners.',
    context: { missing },
  })
}
