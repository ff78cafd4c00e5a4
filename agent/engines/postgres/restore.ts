import { availableParallelism } from 'node:os'
import { AppError } from '../../../shared/errors/index.ts'
import type { EngineContext, InstanceTarget, RestoreSession, RestoreSource } from '../port.ts'
import { analyze } from './analyze.ts'
import { toolFailure } from './failure.ts'
import { toolEnvironment } from './libpq.ts'
import { checkName, quoteIdentifier, workingNameOf } from './name.ts'
import { presentable } from './presentable.ts'
import { maintenanceDatabaseOf } from './probe.ts'
import { createStatement, replayStatements } from './replay.ts'
import { restoreCommand, restoreSection, schemaConsumer, schemaStream } from './restore-by-streams.ts'
import { readServerFacts } from './server.ts'
import { openSession, type PostgresSession, withSession } from './session.ts'
import { complaintsOf } from './stderr.ts'
import { checkTarget, databaseExists, lockTarget, preloadWarnings } from './target.ts'
import { findTool, majorOf } from './tools.ts'

/** Copying template0 on slow storage; dropping a half restored giant. */
const patientMs = 10 * 60_000

/** See the port and J11: lock, hidden name, rename. */
export async function openRestore(
  target: InstanceTarget,
  source: RestoreSource,
  into: string,
  attemptId: string,
  context: EngineContext,
): Promise<RestoreSession> {
  checkName(into)
  if (source.streams.length === 0 || source.streams.some(stream => stream.format !== 'pgdump'))
    throw new AppError('request.invalid', {
      message: 'this backup is not of a database',
      hint: 'Globals are restored with psql: see the runbook.',
      context: { streams: source.streams.map(stream => stream.name) },
    })
  const lock = await openSession(target, maintenanceDatabaseOf(target), {
    purpose: 'restore lock',
    signal: context.signal,
    statementTimeoutMs: patientMs,
    fallback: 'restore.failed',
  })
  try {
    return await prepare(target, source, into, attemptId, context, lock)
  } catch (thrown) {
    await lock.close()
    throw thrown
  }
}

async function prepare(
  target: InstanceTarget,
  source: RestoreSource,
  into: string,
  attemptId: string,
  context: EngineContext,
  lock: PostgresSession,
): Promise<RestoreSession> {
  await lockTarget(lock, into)
  if (await databaseExists(lock, into))
    throw new AppError('restore.target-exists', { context: { target: into } })
  const facts = await readServerFacts(lock)
  const server = await checkTarget(lock, facts, source)
  const ownership = source.ownership ?? 'keep'
  const dumpedBy = source.engine.tools.find(tool => tool.name === 'pg_dump')
  const archiveMajor = dumpedBy === undefined ? 0 : (majorOf(dumpedBy.version) ?? 0)
  const tool = await findTool('pg_restore', Math.max(facts.major, archiveMajor), context)
  const warnings = await preloadWarnings(lock, source)
  // the rename is one synchronous commit behind them all: until then nothing need reach the disk statement by statement
  const environment = await toolEnvironment(target, context, 'restore', { synchronous_commit: 'off' })
  const working = workingNameOf(into, attemptId)
  const names = source.streams.map(stream => stream.name)
  const tools = { tool, working, environment, ownership, context }
  const concurrency = source.atOnce ?? defaultAtOnce(availableParallelism())
  const schema = names.includes(schemaStream) ? await schemaConsumer(context) : undefined
  await create(lock, createStatement(working, source.settings, facts.major))
  let committed = false

  return {
    workingName: working,
    warnings,
    ...(schema === undefined
      ? {}
      : { phases: [[schemaStream], names.filter(name => name !== schemaStream)], concurrency }),
    consumer(streamName) {
      if (!names.includes(streamName))
        throw new AppError('internal', { message: `no stream ${streamName} in this restore` })
      return streamName === schemaStream && schema !== undefined ? schema : restoreCommand(tools)
    },
    presentable,
    diagnose: (_streamName, stderrTail) =>
      toolFailure(stderrTail, { database: working, stage: 'pg_restore' }),
    async verify(streamName, stderrTail) {
      const complaints = complaintsOf(stderrTail)
      if (complaints.length > 0)
        throw new AppError('restore.failed', { context: { stream: streamName, warnings: complaints } })
      if (streamName === schemaStream) await restoreSection(tools, 'pre-data', 1)
    },
    async prepareCommit() {
      if (schema !== undefined) await restoreSection(tools, 'post-data', concurrency)
      await analyze(target, working, context, facts.major, concurrency)
      if (source.settings === undefined) return
      const surroundings = {
        serverMajor: facts.major,
        hasRole: (role: string) => server.roles.has(role),
        restorer: server.restorer,
        ownership,
      }
      for (const statement of replayStatements(working, source.settings, surroundings))
        await lock.query(statement)
    },
    async commit() {
      // On the session that holds the lock: if the lock was lost, so is the right to commit.
      const rename = `ALTER DATABASE ${quoteIdentifier(working)} RENAME TO ${quoteIdentifier(into)}`
      try {
        await lock.query(rename)
      } catch (thrown) {
        if (!(await wasRenamed(target, working, into))) throw thrown
      }
      committed = true
    },
    async abandon() {
      if (!committed) await drop(target, working)
    },
    close: () => lock.close(),
  }
}

/** Streams and jobs at the same time when nobody says: the target server's cores are not ours to count. */
function defaultAtOnce(cores: number): number {
  return Math.min(8, Math.max(2, cores))
}

/** A locale or encoding that this server's host does not have shows only here. */
async function create(lock: PostgresSession, statement: string): Promise<void> {
  try {
    await lock.query(statement)
  } catch (thrown) {
    const failure = AppError.from(thrown, 'restore.failed')
    if (!/locale|collation|encoding/i.test(String(failure.context.detail))) throw failure
    throw new AppError('restore.requirement-missing', {
      hint: 'Install the locale on the host of the target server, then restart that server.',
      context: failure.context,
      cause: thrown,
    })
  }
}

/** The reply to a rename can be lost after the server did it: the names tell. */
async function wasRenamed(target: InstanceTarget, working: string, into: string): Promise<boolean> {
  return afresh(target, async session => {
    return (await databaseExists(session, into)) && !(await databaseExists(session, working))
  }).catch(() => false)
}

/** See the port. After a rename there is nothing of that name any more. */
export function dropUnfinished(target: InstanceTarget, into: string, attemptId: string): Promise<void> {
  return drop(target, workingNameOf(into, attemptId))
}

/** `WITH (FORCE)` since 13: a pg_restore that was just killed may still have its session. */
async function drop(target: InstanceTarget, working: string): Promise<void> {
  await afresh(target, async session => {
    const { major } = await readServerFacts(session)
    if (major < 13)
      await session.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
        working,
      ])
    const force = major < 13 ? '' : ' WITH (FORCE)'
    await session.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(working)}${force}`)
  })
}

/** A session with a signal of its own: cleaning up comes after the abort, and must not die of it. */
async function afresh<T>(target: InstanceTarget, work: (session: PostgresSession) => Promise<T>): Promise<T> {
  const options = {
    purpose: 'restore clean-up',
    signal: AbortSignal.timeout(patientMs),
    statementTimeoutMs: patientMs,
    fallback: 'restore.failed' as const,
  }
  return withSession(target, maintenanceDatabaseOf(target), options, work)
}
