import { randomBytes } from 'node:crypto'
import { AppError } from '../../../shared/errors/index.ts'
import type { EngineInfo, Requirements } from '../../../shared/model/manifest.ts'
import type {
  DumpOptions,
  DumpSession,
  DumpStream,
  DumpSubject,
  EngineContext,
  FoundTool,
  InstanceTarget,
} from '../port.ts'
import { burdenDefaults } from './burden.ts'
import { dumpEnvironment, streamsOf } from './dump-by-streams.ts'
import { toolFailure } from './failure.ts'
import { blockingLimitDefault, openGuard } from './guard.ts'
import { lockWait } from './holder.ts'
import { conninfo, toolEnvironment } from './libpq.ts'
import { checkName } from './name.ts'
import { presentable } from './presentable.ts'
import { checkPrivileges } from './privileges.ts'
import { maintenanceDatabaseOf } from './probe.ts'
import { readRequirements } from './requirements.ts'
import { type Moment, readMoment, readServerFacts, type ServerFacts } from './server.ts'
import { type PostgresSession, withSession } from './session.ts'
import { readSettings } from './settings.ts'
import { type DatabaseJob, type Shared, share, snapshotCensus } from './share.ts'
import { checkDumpStderr } from './stderr.ts'
import { findTool } from './tools.ts'

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
  options: DumpOptions = {},
): Promise<DumpSession> {
  if (subject.scope === 'database') checkName(subject.name)
  const database = subject.scope === 'database' ? subject.name : maintenanceDatabaseOf(target)
  return withSession(
    target,
    database,
    { purpose: 'dump pre-flight', signal: context.signal },
    async session => {
      const facts = await readServerFacts(session)
      return subject.scope === 'database'
        ? dumpDatabase({ target, database, facts, session, context, options })
        : dumpGlobals(target, database, facts, session, context, subject.passwords === true)
    },
  )
}

/**
 * One database, uncompressed: the codec is a stage of its own (architecture §7). By several streams on one
 * snapshot where that is worth it and the server has room for the locks; else as one archive.
 */
async function dumpDatabase(job: DatabaseJob): Promise<DumpSession> {
  const { target, database, facts, session, context, options } = job
  const tool = await findTool('pg_dump', facts.major, context)
  if (!facts.superuser) await checkPrivileges(session, database)
  const settings = await readSettings(session)
  const requirements = await readRequirements(session)
  const [size] = await session.query<{ oid: string; size: string }>(
    `select oid::text as oid, pg_database_size(oid)::text as size from pg_database where datname = current_database()`,
  )
  const purpose = `dump ${randomBytes(4).toString('hex')}`
  const broken = new AbortController()
  let shared: Shared | undefined
  // before the first lock is asked for: others may queue behind our waiting too
  const guard = await openGuard(target, {
    database,
    purpose,
    major: facts.major,
    limitMs: options.blockingLimit ?? blockingLimitDefault,
    burden: {
      xminAge: options.xminAgeLimit ?? burdenDefaults.xminAge,
      replayLag: options.replayLagLimit ?? burdenDefaults.replayLag,
      replayBacklog: options.replayBacklogLimit ?? burdenDefaults.replayBacklog,
    },
    signal: context.signal,
    ping: async () => shared?.holder.ping(),
    onBroken: error => broken.abort(error),
  })
  const close = async () => {
    await guard.stop()
    await shared?.holder.close()
  }
  const warnings: string[] = []
  try {
    shared = await share(job, Number(size?.size ?? 0), purpose, broken, warnings)
    const { holder, plan } = shared ?? {}
    const byStreams =
      holder === undefined || plan === undefined
        ? undefined
        : await streamsOf({ ...job, holder, plan, tool, purpose })
    const streams = byStreams?.streams ?? [
      await whole(job, tool, Number(size?.size ?? 0), purpose, holder?.snapshot),
    ]
    const moment = holder?.moment ?? (await readMoment(session, facts.role))
    const census = holder === undefined ? undefined : await snapshotCensus(job, holder, purpose, warnings)
    return {
      ...common(facts, { name: tool.name, version: tool.version }, moment, database),
      evidence: [...facts.evidence, { kind: 'postgres-oid', value: size?.oid ?? '0' }],
      settings,
      requirements,
      warnings,
      broken: broken.signal,
      streams,
      ...(shared === undefined ? {} : { concurrency: shared.concurrency }),
      ...(census === undefined ? {} : { census }),
      ...(byStreams === undefined ? {} : { account: async () => byStreams.account() }),
      close,
    }
  } catch (thrown) {
    await close()
    throw broken.signal.aborted ? AppError.from(broken.signal.reason) : thrown
  }
}

/** The whole database as one archive. */
async function whole(
  { target, database, facts, context, options }: DatabaseJob,
  tool: FoundTool,
  bytes: number,
  purpose: string,
  snapshot: string | undefined,
): Promise<DumpStream> {
  return {
    name: '000-full',
    format: 'pgdump',
    command: {
      name: 'pg_dump',
      program: tool.path,
      args: [
        ...['-Fc', '-Z0', '--no-password', `--lock-wait-timeout=${lockWait}`],
        ...(snapshot === undefined ? [] : [`--snapshot=${snapshot}`]),
        ...['-d', conninfo(database)],
      ],
      env: await dumpEnvironment(target, context, purpose, facts, options.unreadLimit),
    },
    predictedBytes: bytes,
  }
}

/** Roles and tablespaces. Without password verifiers, which would let a reader of the bucket log in (§11), unless asked for. */
async function dumpGlobals(
  target: InstanceTarget,
  database: string,
  facts: ServerFacts,
  session: PostgresSession,
  context: EngineContext,
  passwords: boolean,
): Promise<DumpSession> {
  const tool = await findTool('pg_dumpall', facts.major, context)
  const stream: DumpStream = {
    name: '000-globals',
    format: 'sql',
    command: {
      name: 'pg_dumpall',
      program: tool.path,
      args: [
        '--globals-only',
        ...(passwords ? [] : ['--no-role-passwords']),
        '--no-password',
        '-d',
        conninfo(database),
      ],
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
 * always before its snapshot.
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
    presentable,
    close: async () => undefined,
  }
}
