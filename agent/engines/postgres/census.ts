import { AppError } from '../../../shared/errors/index.ts'
import type { CensusCounts } from '../../../shared/model/census.ts'
import type { EngineContext, InstanceTarget } from '../port.ts'
import { countObjects } from './census-objects.ts'
import { type CensusRelation, censusRoots, listCensusRelations } from './census-relations.ts'
import { readSequences } from './census-sequences.ts'
import { qualified } from './relations.ts'
import { readServerFacts, type ServerFacts } from './server.ts'
import { openSession, type PostgresSession } from './session.ts'

/** A table that takes longer to be counted is not worth it, ms. */
const statementLimitMs = 12 * 3_600_000
/**
 * Tables counted in one transaction: each count locks its table and all indexes of it until the transaction ends, and
 * when the lock table is full the application gets the error too (facts-databases §5).
 */
const countedAtOnce = 50
/** Tables that could not be counted are named in a warning up to here. */
const named = 5

/** A session to count in: what it sees stays the same from one transaction to the next. */
interface Counter {
  /** Runs one statement; after a failure the session can be used on. */
  query: PostgresSession['query']
  /** Ends the transaction and begins another that sees the same. */
  renew(): Promise<void>
}

/** What a census of a dump is counted with. */
export interface SnapshotCensus {
  readonly database: string
  readonly facts: ServerFacts
  /** Name of the dump's sessions, by which the guard knows them (P6). */
  readonly purpose: string
  /** Exported by the holder. */
  readonly snapshot: string
  /** As they were before the dump could read them. */
  readonly sequences: CensusCounts['sequences']
  /** A table that could not be counted is told here. */
  readonly warnings: string[]
  readonly signal: AbortSignal
}

/**
 * Counts what a dump's own snapshot holds, in a session of its own beside the streams: under the holder's locks, or
 * it would agree with a dump of tables that a later TRUNCATE emptied (facts-databases §1). It is one of the dump's
 * sessions to the guard.
 *
 * @throws AppError when the snapshot is gone, or the session was ended
 */
export async function countSnapshot(target: InstanceTarget, census: SnapshotCensus): Promise<CensusCounts> {
  const { database, facts, purpose, snapshot, signal, sequences, warnings } = census
  const session = await openSession(target, database, {
    purpose,
    signal,
    statementTimeoutMs: statementLimitMs,
    settings: counterSettings(facts.major),
  })
  try {
    const begin = async () => {
      await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
      await session.query(`SET TRANSACTION SNAPSHOT '${snapshot}'`)
    }
    const renew = async () => {
      await session.query('ROLLBACK')
      await begin()
    }
    await begin()
    const counted = await count({ query: session.query, renew }, facts)
    const failed = counted.skipped.filter(({ reason }) => !byNature.has(reason))
    if (failed.length > 0)
      warnings.push(
        `the census lacks ${failed.length} tables: ${failed
          .slice(0, named)
          .map(({ name, reason }) => `${name} (${reason})`)
          .join(', ')}${failed.length > named ? ', …' : ''}`,
      )
    return { ...counted, sequences: [...sequences] }
  } finally {
    await session.close()
  }
}

/** See the port: what a restored database holds, in the same terms. Nobody else is in that server. */
export async function countDatabase(
  target: InstanceTarget,
  database: string,
  context: EngineContext,
): Promise<CensusCounts> {
  const session = await openSession(target, database, {
    purpose: 'count',
    signal: context.signal,
    statementTimeoutMs: statementLimitMs,
    settings: { row_security: 'off' },
  })
  try {
    const facts = await readServerFacts(session)
    // every statement is a transaction of its own
    const counted = await count({ query: session.query, renew: async () => {} }, facts)
    return { ...counted, sequences: [...(await readSequences(session, facts.role))] }
  } finally {
    await session.close()
  }
}

/** In the start-up packet. Off, row security is an error where it would hide rows. */
function counterSettings(major: number): Readonly<Record<string, string | number>> {
  return {
    row_security: 'off',
    // a census takes one core of production, not all
    max_parallel_workers_per_gather: 0,
    ...(major >= 14 ? { idle_session_timeout: 60_000, client_connection_check_interval: 1_000 } : {}),
    ...(major >= 17 ? { transaction_timeout: 0 } : {}),
  }
}

const foreign = 'a foreign table'
const foreignPart = 'its rows lie in foreign tables'
const unloggedOnReplica = 'unlogged, which a replica does not have'
/** Reasons that are no trouble: pg_dump has no rows of these either. */
const byNature: ReadonlySet<string> = new Set([foreign, foreignPart, unloggedOnReplica])

async function count(counter: Counter, facts: ServerFacts): Promise<Omit<CensusCounts, 'sequences'>> {
  const objects = await countObjects(counter, facts.major)
  const tables: CensusCounts['tables'] = []
  const skipped: CensusCounts['skipped'] = []
  let counted = 0
  for (const { root, leaves } of censusRoots(await listCensusRelations(counter))) {
    const skip = (reason: string) => skipped.push({ name: `${root.schema}.${root.name}`, reason })
    if (root.kind === 'f') {
      skip(foreign)
      continue
    }
    if (root.kind === 'r' && root.unlogged && facts.role === 'replica') {
      skip(unloggedOnReplica)
      continue
    }
    const local = leaves.filter(({ kind }) => kind === 'r')
    if (local.length === 0 && leaves.length > 0) {
      skip(foreignPart)
      continue
    }
    try {
      let rows = 0n
      for (const leaf of local) {
        if (leaf.unlogged && facts.role === 'replica') continue
        if (counted++ % countedAtOnce === countedAtOnce - 1) await counter.renew()
        rows += await countRows(counter, leaf)
      }
      tables.push({ schema: root.schema, name: root.name, rows: String(rows) })
    } catch (thrown) {
      const error = AppError.from(thrown)
      if (!concernsOneTable(error)) throw error
      await counter.renew()
      skip(
        error.code === 'database.privilege-missing'
          ? 'not readable'
          : String(error.context['detail'] ?? error.message),
      )
    }
  }
  return { tables, objects, skipped }
}

/** `ONLY`: what inherits from it the classical way is a table of its own. */
async function countRows(counter: Counter, table: CensusRelation): Promise<bigint> {
  const [row] = await counter.query<{ rows: string }>(
    `select count(*)::text as rows from only ${qualified(table)}`,
  )
  return BigInt(row?.rows ?? 0)
}

/** The session goes on after it: rights, row security, a lock somebody else waits for, a damaged page. */
function concernsOneTable({ code, context }: AppError): boolean {
  if (code === 'database.privilege-missing') return true
  const state = String(context['code'] ?? '')
  return state === '55P03' || state.startsWith('XX') || state.startsWith('42')
}
