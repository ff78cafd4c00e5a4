import type { EngineInfo, Requirements } from '../../../shared/model/manifest.ts'
import type { DumpSession, DumpStream, DumpSubject, EngineContext, InstanceTarget } from '../port.ts'
import { toolFailure } from './failure.ts'
import { conninfo, toolEnvironment } from './libpq.ts'
import { checkName } from './name.ts'
import { checkPrivileges } from './privileges.ts'
import { maintenanceDatabaseOf } from './probe.ts'
import { readRequirements } from './requirements.ts'
import { type Moment, readMoment, readServerFacts, type ServerFacts } from './server.ts'
import { type PostgresSession, withSession } from './session.ts'
import { readSettings } from './settings.ts'
import { checkDumpStderr } from './stderr.ts'
import { findTool } from './tools.ts'

/**
 * How long pg_dump waits for the lock on one table. While it waits it holds those it has, and DDL queues
 * behind them, and the application behind the DDL: well below the 30 s after which we must let go (P6).
 */
const lockWait = '10s'

/** Nothing beyond what comes with every server. */
const noRequirements: Requirements = {
  extensions: [],
  preload_libraries: [],
  locales: [],
  tablespaces: [],
  roles: [],
}

/** See the port. All that can be known beforehand is checked here; the tools themselves run in the pipeline. */
export async function openDump(
  target: InstanceTarget,
  subject: DumpSubject,
  context: EngineContext,
): Promise<DumpSession> {
  if (subject.scope === 'database') checkName(subject.name)
  const database = subject.scope === 'database' ? subject.name : maintenanceDatabaseOf(target)
  const options = { purpose: 'dump pre-flight', signal: context.signal }
  return withSession(target, database, options, async session => {
    const facts = await readServerFacts(session)
    return subject.scope === 'database'
      ? dumpDatabase(target, database, facts, session, context)
      : dumpGlobals(target, database, facts, session, context)
  })
}

/** One custom archive, uncompressed: the codec is a stage of its own (architecture §7). */
async function dumpDatabase(
  target: InstanceTarget,
  database: string,
  facts: ServerFacts,
  session: PostgresSession,
  context: EngineContext,
): Promise<DumpSession> {
  const tool = await findTool('pg_dump', facts.major, context)
  if (!facts.superuser) await checkPrivileges(session, database)
  const settings = await readSettings(session)
  const requirements = await readRequirements(session)
  const [size] = await session.query<{ oid: string; size: string }>(
    `select oid::text as oid, pg_database_size(oid)::text as size from pg_database where datname = current_database()`,
  )
  const stream: DumpStream = {
    name: '000-full',
    format: 'pgdump',
    command: {
      name: 'pg_dump',
      program: tool.path,
      args: ['-Fc', '-Z0', '--no-password', `--lock-wait-timeout=${lockWait}`, '-d', conninfo(database)],
      env: await toolEnvironment(target, context, 'dump'),
    },
    predictedBytes: Number(size?.size ?? 0),
  }
  return {
    ...common(
      facts,
      { name: tool.name, version: tool.version },
      await readMoment(session, facts.role),
      database,
    ),
    evidence: [...facts.evidence, { kind: 'postgres-oid', value: size?.oid ?? '0' }],
    settings,
    requirements,
    streams: [stream],
    warnings: [],
  }
}

/** Roles and tablespaces. Without password verifiers: they would let a reader of the bucket log in (§11). */
async function dumpGlobals(
  target: InstanceTarget,
  database: string,
  facts: ServerFacts,
  session: PostgresSession,
  context: EngineContext,
): Promise<DumpSession> {
  const tool = await findTool('pg_dumpall', facts.major, context)
  const stream: DumpStream = {
    name: '000-globals',
    format: 'sql',
    command: {
      name: 'pg_dumpall',
      program: tool.path,
      args: ['--globals-only', '--no-role-passwords', '--no-password', '-d', conninfo(database)],
      env: await toolEnvironment(target, context, 'globals'),
    },
    footer: /^-- PostgreSQL database cluster dump complete$/,
    predictedBytes: 0,
  }
  return {
    ...common(
      facts,
      { name: tool.name, version: tool.version },
      await readMoment(session, facts.role),
      database,
    ),
    evidence: facts.evidence,
    requirements: noRequirements,
    streams: [stream],
    warnings: [],
  }
}

/**
 * What both scopes share. The moment is read last of all, as near to the start of the tool as can be, yet
 * always before its snapshot. No session is kept: an idle one could only be in the way.
 */
function common(facts: ServerFacts, tool: EngineInfo['tools'][number], moment: Moment, database: string) {
  return {
    dataAsOf: moment.dataAsOf,
    clockOffsetMs: moment.clockOffsetMs,
    engine: { kind: 'postgres' as const, server_version: facts.version, tools: [tool] },
    position: { kind: 'lsn', value: moment.lsn },
    diagnose: (stream: DumpStream, stderrTail: string) =>
      toolFailure(stderrTail, { database, stage: stream.command.name }),
    verify: async (stream: DumpStream, stderrTail: string) => checkDumpStderr(stream.name, stderrTail),
    close: async () => undefined,
  }
}
