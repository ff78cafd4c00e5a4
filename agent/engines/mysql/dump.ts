import { AppError } from '../../../shared/errors/index.ts'
import type { DatabaseSettings } from '../../../shared/model/manifest.ts'
import type {
  DumpOptions,
  DumpSession,
  DumpStream,
  DumpSubject,
  EngineContext,
  InstanceTarget,
} from '../port.ts'
import { writePrivate } from '../secret-file.ts'
import { prepareCensus } from './census.ts'
import { transactional } from './counts.ts'
import type { Dialect } from './dialect.ts'
import { clientFailure } from './failure.ts'
import { breaksDumpTool, checkName, quoteLiteral } from './name.ts'
import { writeOptionFile } from './option-file.ts'
import { listPrograms, type Program, scriptOf } from './programs.ts'
import { missingFor, readMoment, readReplication, readServerFacts } from './server.ts'
import { type MysqlSession, withSession } from './session.ts'
import { checkDumpStderr } from './stderr.ts'
import { demandSeries, findOwnTool, olderSeries, versionOf } from './tools.ts'

/**
 * The arguments of every dump. Never `--force` (goes on after errors) nor `--skip-comments` (drops the footer
 * that proves the end). `--no-tablespaces`, or a missing PROCESS is an error on stderr with exit 0.
 */
const dumpArgs = [
  '--single-transaction',
  '--quick',
  '--no-tablespaces',
  '--hex-blob',
  '--default-character-set=utf8mb4',
  '--max-allowed-packet=1G',
] as const

/** The last line of every stream. */
const footer = /^-- Dump completed( on .*)?$/

/** See the port. */
export async function openDump(
  target: InstanceTarget,
  dialect: Dialect,
  subject: DumpSubject,
  context: EngineContext,
  options: DumpOptions = {},
): Promise<DumpSession> {
  if (subject.scope !== 'database')
    throw new AppError('request.invalid', {
      message: `${dialect.title} has no backup of scope cluster`,
      hint: 'Back up its databases; accounts live in the `mysql` schema.',
      context: { engine: dialect.kind },
    })
  const database = subject.name
  checkName(database)
  return withSession(target, dialect, context, {}, async session => {
    const facts = await readServerFacts(session, dialect)
    const tool = await findOwnTool(dialect, dialect.dump, context)
    demandSeries(tool, facts.version)
    const settings = await readSettings(session, dialect, database)
    const missing = missingFor(facts.grants, dialect, database)
    if (missing.length > 0)
      throw new AppError('database.privilege-missing', { context: { database, missing } })
    const tables = await readTables(session, database)
    const accounts = await readDefiners(session, database)
    const zones = await readZones(session, database)
    const [letterCase = '0'] = await session.run('SELECT @@GLOBAL.lower_case_table_names')
    const series = versionOf(tool.version)
    const keepsHistory =
      dialect.historyArg !== undefined && series !== undefined && !olderSeries(series, [10, 11, 0])
    const file = await writeOptionFile(target, dialect, context, 'dump')
    const own = divide(
      await listPrograms(session, database),
      database,
      settings.collation ?? '',
      await hasLibraries(session, database),
    )
    const scripts: DumpStream[] = []
    for (const { name, programs } of own.scripts)
      scripts.push(
        await scriptStream(
          name,
          await scriptOf(target, dialect, context, database, programs, settings.collation ?? ''),
          context,
        ),
      )
    const replication = await readReplication(target, dialect, context, facts)
    const warnings = [
      ...own.warnings,
      ...tables.untransactional.map(
        name =>
          `table ${JSON.stringify(name)} has no transactions: its rows may be of a later moment than the rest`,
      ),
      ...(tables.versioned && !keepsHistory
        ? ['system-versioned tables without their history: the dump tool is older than 10.11']
        : []),
    ]
    const census =
      options.census === true
        ? await prepareCensus({
            ...{ target, dialect, context, database, facts, warnings },
            history: keepsHistory,
          })
        : undefined
    const stream: DumpStream = {
      name: '000-full',
      format: 'sql',
      command: {
        name: tool.name,
        program: tool.path,
        args: [
          `--defaults-file=${file}`,
          ...dumpArgs,
          ...dialect.dumpArgs,
          ...own.toolArgs,
          ...(census?.toolArgs ?? []),
          ...(tables.versioned && keepsHistory && dialect.historyArg !== undefined
            ? [dialect.historyArg]
            : []),
          // After `--`, whatever the name begins with.
          '--',
          database,
        ],
      },
      footer,
      predictedBytes: tables.bytes,
      ...(census === undefined ? {} : { tap: census.tap }),
    }
    // Last of all: as near to the start of the tool as can be, yet always before its snapshot.
    const moment = await readMoment(session, dialect, replication).catch(async (thrown: unknown) => {
      await census?.close()
      throw thrown
    })
    return {
      dataAsOf: moment.dataAsOf,
      clockOffsetMs: moment.clockOffsetMs,
      engine: {
        kind: dialect.kind,
        server_version: facts.version,
        tools: [{ name: tool.name, version: tool.version }],
      },
      evidence: facts.evidence,
      ...(moment.gtid === '' ? {} : { position: { kind: 'gtid', value: moment.gtid } }),
      settings,
      requirements: {
        ...{ extensions: [], preload_libraries: [], locales: [], tablespaces: [], roles: accounts },
        server_settings: { lower_case_table_names: letterCase },
        ...(zones.length === 0 ? {} : { time_zones: zones }),
      },
      streams: [stream, ...scripts].sort((a, b) => (a.name < b.name ? -1 : 1)),
      warnings,
      diagnose: (failed, stderrTail) => clientFailure(stderrTail, { database, stage: failed.command.name }),
      async verify(verified, stderrTail) {
        checkDumpStderr(verified.name, stderrTail)
        // what has not come by now will not come
        if (verified.name === stream.name) census?.toolEnded()
      },
      account: async () => census?.dumped(),
      ...(census === undefined ? {} : { census: census.take }),
      close: async () => census?.close(),
    }
  })
}

/** What of the stored programs the tool dumps, and what we must write ourselves, as streams. */
function divide(programs: readonly Program[], database: string, collation: string, libraries: boolean) {
  const groups = {
    // Before the tables, since views call functions; a routine needs nothing to be made.
    routines: programs.filter(({ kind }) => kind !== 'EVENT' && kind !== 'TRIGGER'),
    triggers: programs.filter(({ kind }) => kind === 'TRIGGER'),
    events: programs.filter(({ kind }) => kind === 'EVENT'),
  }
  // For these the tool writes `ALTER DATABASE original`: a copy would change the original, or fail without it.
  const strayed = (group: readonly Program[]) => group.some(program => program.collation !== collation)
  // Nobody but the tool knows a MySQL library, and it comes with the routines or not at all.
  const routines = strayed(groups.routines) && !libraries
  const warnings =
    strayed(groups.routines) && libraries
      ? ['routines are of another collation than the database: a copy under another name alters the original']
      : []
  const triggers = strayed(groups.triggers)
  const events =
    strayed(groups.events) || groups.events.some(event => event.endless === 1) || breaksDumpTool(database)
  return {
    warnings,
    toolArgs: [
      routines ? '--skip-routines' : '--routines',
      triggers ? '--skip-triggers' : '--triggers',
      events ? '--skip-events' : '--events',
    ],
    scripts: [
      { name: '000-code', programs: routines ? groups.routines : [] },
      { name: '001-events', programs: events ? groups.events : [] },
      { name: '001-triggers', programs: triggers ? groups.triggers : [] },
    ].filter(script => script.programs.length > 0),
  }
}

/** A stream of text that we hold already. */
async function scriptStream(name: string, script: Buffer, context: EngineContext): Promise<DumpStream> {
  const file = await writePrivate(context, name, script)
  const cat = await context.tools.find(['cat'], [], 'path')
  const command = { name: cat.name, program: cat.path, args: [file] }
  return { name, format: 'sql', command, footer, predictedBytes: script.length }
}

/** Whether the database has libraries of MySQL 9.2 and newer. */
async function hasLibraries(session: MysqlSession, database: string): Promise<boolean> {
  const known = await session.run(
    "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'information_schema' AND table_name = 'LIBRARIES'",
  )
  if (known[0] === '0') return false
  const found = await session.run(
    `SELECT COUNT(*) FROM information_schema.libraries WHERE library_schema = ${quoteLiteral(database)}`,
  )
  return found[0] !== '0'
}

/** Charset, collation and comment. Errors: `database.gone`. */
async function readSettings(
  session: MysqlSession,
  dialect: Dialect,
  database: string,
): Promise<DatabaseSettings> {
  const comment = dialect.databaseComment ? "NULLIF(schema_comment, '')" : 'NULL'
  const [row] = await session.rows<{ encoding: string; collation: string; comment: string | null }>(
    `SELECT JSON_OBJECT('encoding', default_character_set_name, 'collation', default_collation_name, 'comment', ${comment})
       FROM information_schema.schemata WHERE schema_name = ${quoteLiteral(database)}`,
  )
  if (row === undefined) throw new AppError('database.gone', { context: { database } })
  return {
    encoding: row.encoding,
    collation: row.collation,
    ...(row.comment === null ? {} : { comment: row.comment }),
    acl: [],
    settings: [],
  }
}

/** What the tables tell: the size of the data, and which of them the snapshot does not cover. */
async function readTables(session: MysqlSession, database: string) {
  const schema = `table_schema = ${quoteLiteral(database)}`
  const [sum] = await session.rows<{ bytes: number | null; versioned: number | null }>(
    `SELECT JSON_OBJECT('bytes', CAST(SUM(data_length) AS UNSIGNED), 'versioned', CAST(SUM(table_type = 'SYSTEM VERSIONED') AS UNSIGNED))
       FROM information_schema.tables WHERE ${schema}`,
  )
  const engines = transactional.map(engine => `'${engine}'`).join(', ')
  const untransactional = await session.rows<{ name: string }>(
    `SELECT JSON_OBJECT('name', table_name) FROM information_schema.tables
      WHERE ${schema} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND engine NOT IN (${engines})
      ORDER BY table_name LIMIT 50`,
  )
  return {
    bytes: sum?.bytes ?? 0,
    versioned: (sum?.versioned ?? 0) > 0,
    untransactional: untransactional.map(row => row.name),
  }
}

/** The accounts that views, routines, triggers and events run as: without them a restored copy is broken. */
async function readDefiners(session: MysqlSession, database: string): Promise<string[]> {
  const name = quoteLiteral(database)
  const rows = await session.rows<{ account: string }>(
    `SELECT JSON_OBJECT('account', definer) FROM (
       SELECT definer FROM information_schema.views WHERE table_schema = ${name}
       UNION SELECT definer FROM information_schema.routines WHERE routine_schema = ${name}
       UNION SELECT definer FROM information_schema.triggers WHERE trigger_schema = ${name}
       UNION SELECT definer FROM information_schema.events WHERE event_schema = ${name}) d ORDER BY definer`,
  )
  return rows.map(row => row.account)
}

/** The zones of its events that a server has to know by their names. */
async function readZones(session: MysqlSession, database: string): Promise<string[]> {
  const rows = await session.rows<{ zone: string }>(
    `SELECT DISTINCT JSON_OBJECT('zone', time_zone) FROM information_schema.events
      WHERE event_schema = ${quoteLiteral(database)} AND time_zone <> 'SYSTEM' AND time_zone NOT RLIKE '^[-+]'`,
  )
  return rows.map(({ zone }) => zone).sort()
}
