import type { CensusCounts } from '../../../shared/model/census.ts'
import type { EngineContext, InstanceTarget } from '../port.ts'
import type { Dialect } from './dialect.ts'
import { quoteIdentifier, quoteLiteral } from './name.ts'
import { type MysqlSession, withSession } from './session.ts'

/** Engines whose tables a transaction isolates. */
export const transactional = ['InnoDB', 'ROCKSDB', 'TokuDB', 'SEQUENCE'] as const

/** One table is counted for so long and no longer, ms: as long as it takes, others who alter it wait (P6). */
export const countTimeoutMs = 60 * 60_000

/** A table whose rows can be counted. */
export interface Countable {
  readonly name: string
  /** All versions of its rows, not the current ones alone. */
  readonly history: boolean
}

/** The tables of a database, and those that cannot be counted. */
export interface Countables {
  readonly tables: readonly Countable[]
  readonly skipped: CensusCounts['skipped']
}

/**
 * @param history whether the dump has all versions of system-versioned rows; of a restored database always true, since
 *   what was restored without its history has none
 */
export async function listCountable(
  session: MysqlSession,
  database: string,
  history: boolean,
): Promise<Countables> {
  const rows = await session.rows<{ name: string; engine: string | null; versioned: 0 | 1 }>(
    `SELECT JSON_OBJECT('name', table_name, 'engine', engine, 'versioned', IF(table_type = 'SYSTEM VERSIONED', 1, 0))
       FROM information_schema.tables
      WHERE table_schema = ${quoteLiteral(database)} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
      ORDER BY table_name`,
  )
  const counted = (engine: string | null) =>
    transactional.some(known => known.toLowerCase() === engine?.toLowerCase())
  return {
    tables: rows
      .filter(({ engine }) => counted(engine))
      .map(({ name, versioned }) => ({ name, history: history && versioned === 1 })),
    skipped: rows
      .filter(({ engine }) => !counted(engine))
      .map(({ name, engine }) => ({
        name,
        reason: `its engine (${engine ?? 'unknown'}) has no transactions: nothing tells what a dump of it held`,
      })),
  }
}

/**
 * Counts in the transaction this session is in. A counted table is let go of, so that nobody's ALTER waits for it; a
 * MariaDB with a binary log keeps it until the transaction ends all the same, for its dump tool as for us.
 */
export async function countRows(
  session: MysqlSession,
  database: string,
  tables: readonly Countable[],
): Promise<CensusCounts['tables']> {
  const counted: CensusCounts['tables'] = []
  for (const { name, history } of tables) {
    const table = `${quoteIdentifier(database)}.${quoteIdentifier(name)}`
    const [rows = ''] = await session.run(
      `SAVEPOINT counted; SELECT COUNT(*) FROM ${table}${history ? ' FOR SYSTEM_TIME ALL' : ''}; ROLLBACK TO SAVEPOINT counted`,
    )
    counted.push({ name, rows })
  }
  return counted
}

/** Where sequences (MariaDB) are: at the first value that none of its servers has in its cache. */
export async function readSequences(
  session: MysqlSession,
  database: string,
): Promise<Pick<CensusCounts, 'sequences' | 'skipped'>> {
  const named = await session.rows<{ name: string }>(
    `SELECT JSON_OBJECT('name', table_name) FROM information_schema.tables
      WHERE table_schema = ${quoteLiteral(database)} AND table_type = 'SEQUENCE' ORDER BY table_name`,
  )
  const sequences: CensusCounts['sequences'] = []
  const skipped: CensusCounts['skipped'] = []
  for (const { name } of named) {
    // as text: a bigint is more than a JSON number holds
    const [row] = await session.rows<{ last: string; descending: 0 | 1; cycles: 0 | 1 }>(
      `SELECT JSON_OBJECT('last', CAST(next_not_cached_value AS CHAR), 'descending', IF(increment < 0, 1, 0), 'cycles', cycle_option)
         FROM ${quoteIdentifier(database)}.${quoteIdentifier(name)}`,
    )
    if (row === undefined) continue
    if (row.cycles === 1) skipped.push({ name, reason: 'a sequence that begins anew may be anywhere' })
    else sequences.push({ name, last: row.last, ...(row.descending === 1 ? { descending: true } : {}) })
  }
  return { sequences, skipped }
}

/** Kinds of object beside tables → how many, also where there is none. */
export async function countObjects(
  session: MysqlSession,
  database: string,
): Promise<CensusCounts['objects']> {
  const schema = quoteLiteral(database)
  const routines = (kind: string) =>
    `(SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = ${schema} AND routine_type = '${kind}')`
  const [counts = {}] = await session.rows<CensusCounts['objects']>(
    `SELECT JSON_OBJECT(
       'views', (SELECT COUNT(*) FROM information_schema.views WHERE table_schema = ${schema}),
       'functions', ${routines('FUNCTION')}, 'procedures', ${routines('PROCEDURE')}, 'packages', ${routines('PACKAGE')},
       'triggers', (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = ${schema}),
       'events', (SELECT COUNT(*) FROM information_schema.events WHERE event_schema = ${schema} AND ${lasting}),
       'indexes', (SELECT COUNT(DISTINCT table_name, index_name) FROM information_schema.statistics WHERE table_schema = ${schema}))`,
  )
  return counts
}

/** Others vanish when they have fired for the last time, in the original or as they are restored. */
const lasting = "(on_completion = 'PRESERVE' OR (event_type = 'RECURRING' AND ends IS NULL))"

/** See the port. */
export async function count(
  target: InstanceTarget,
  dialect: Dialect,
  database: string,
  context: EngineContext,
): Promise<CensusCounts> {
  const options = { statementTimeoutMs: countTimeoutMs, fallback: 'restore.failed' } as const
  return withSession(target, dialect, context, options, async session => {
    const { tables, skipped } = await listCountable(session, database, true)
    await session.run('START TRANSACTION')
    const sequences = await readSequences(session, database)
    return {
      tables: await countRows(session, database, tables),
      sequences: sequences.sequences,
      objects: await countObjects(session, database),
      skipped: [...skipped, ...sequences.skipped],
    }
  })
}
