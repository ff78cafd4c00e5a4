import { AppError } from '../../../shared/errors/index.ts'
import type { InstanceTarget } from '../port.ts'
import { lockVerdict, readLockTable, tooFewSlots } from './lock-slots.ts'
import {
  listRelations,
  lockedRelations,
  qualified,
  type Relation,
  type SizedTable,
  sameRelations,
  sizeTables,
} from './relations.ts'
import { type Moment, readMoment, type ServerFacts } from './server.ts'
import { openSession, type PostgresSession } from './session.ts'

/** How long we wait for the lock on one relation: while we wait, others queue behind us (P6). */
export const lockWaitMs = 5_000
/** The same for pg_dump. */
export const lockWait = `${lockWaitMs / 1_000}s`
/** How often a snapshot is taken anew because tables changed meanwhile. */
const retries = 3
/** Relations a LOCK statement names. */
const lockedAtOnce = 500
/**
 * The holder is idle in its transaction for hours; the server ends it when the agent has not asked it anything
 * for so long. A stopped agent (SIGSTOP, a frozen VM) holds no lock and no snapshot for longer (ADR 0101).
 */
export const idleLimitMs = 60_000

/** The session that holds every lock and the snapshot which all streams of a dump share. */
export interface Holder {
  /** For `pg_dump --snapshot`. */
  readonly snapshot: string
  readonly relations: readonly Relation[]
  readonly tables: readonly SizedTable[]
  /** Bytes that are in no table: large objects. */
  readonly otherBytes: number
  readonly hasLargeObjects: boolean
  /** How many sequences there are. */
  readonly sequences: number
  /** Never later than the snapshot. */
  readonly moment: Moment
  /** Asks it something, so that the server takes it for alive. Also the proof that snapshot and locks still stand. */
  ping(): Promise<void>
  /** Lets go of everything. */
  close(): Promise<void>
}

/** What a holder is opened with. */
export interface HolderOptions {
  readonly database: string
  readonly facts: ServerFacts
  /** Name of this dump's sessions, by which the guard knows them. */
  readonly purpose: string
  readonly signal: AbortSignal
  /** A session beside the holder: reads the moment, which inside the holder would take the snapshot. */
  readonly beside: PostgresSession
  readonly onLost: (error: AppError) => void
  /** For tests; else a minute. */
  readonly idleLimitMs?: number
  /** Seam for tests: the locks are taken, the snapshot is not. */
  readonly beforeSnapshot?: () => Promise<void>
}

/**
 * Locks everything, then takes the snapshot, then looks whether it is the same everything (facts-databases §4):
 * a snapshot older than the locks may see tables emptied by a later TRUNCATE, and every dump of it agrees.
 * Undefined when the lock table has room for one archive only.
 *
 * @throws AppError `database.lock-slots`, `dump.schema-moving`, `database.conflict` when a lock is not to be had
 */
export async function openHolder(
  target: InstanceTarget,
  options: HolderOptions,
): Promise<Holder | undefined> {
  const session = await openSession(target, options.database, {
    purpose: options.purpose,
    signal: options.signal,
    statementTimeoutMs: 0,
    settings: holderSettings(options.facts.major, options.idleLimitMs ?? idleLimitMs),
    onLost: options.onLost,
  })
  try {
    const taken = await take(session, options)
    if (taken === undefined) {
      await session.close()
      return undefined
    }
    const { tables, otherBytes } = await sizeTables(session)
    const [other] = await session.query<{ large: boolean; sequences: string }>(
      `select exists (select from pg_largeobject_metadata) as large,
              (select count(*) from pg_class where relkind = 'S')::text as sequences`,
    )
    return {
      ...taken,
      tables,
      otherBytes,
      hasLargeObjects: other?.large === true,
      sequences: Number(other?.sequences ?? 0),
      ping: async () => {
        await session.query('select 1')
      },
      close: () => session.close(),
    }
  } catch (thrown) {
    await session.close()
    throw thrown
  }
}

/** In the start-up packet, where they win over what database and role were given (`= 2s` would kill it). */
function holderSettings(major: number, limitMs: number): Readonly<Record<string, string | number>> {
  return {
    lock_timeout: lockWaitMs,
    idle_in_transaction_session_timeout: limitMs,
    ...(major >= 12 ? { tcp_user_timeout: limitMs } : {}),
    ...(major >= 14 ? { idle_session_timeout: 0 } : {}),
    ...(major >= 17 ? { transaction_timeout: 0 } : {}),
  }
}

async function take(
  session: PostgresSession,
  options: HolderOptions,
): Promise<Pick<Holder, 'snapshot' | 'relations' | 'moment'> | undefined> {
  for (let round = 0; round <= retries; round++) {
    const relations = await listRelations(session)
    if (!(await roomFor(session, relations, options.database))) return undefined
    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    try {
      await lockAll(session, relations)
      await options.beforeSnapshot?.()
      // before the snapshot, and after the locks were waited for
      const moment = await readMoment(options.beside, options.facts.role)
      const [row] = await session.query<{ id: string }>('SELECT pg_export_snapshot() AS id')
      if (row !== undefined && sameRelations(relations, await listRelations(session)))
        return { snapshot: row.id, relations, moment }
    } catch (thrown) {
      if (!vanished(thrown)) throw thrown
    }
    await session.query('ROLLBACK')
  }
  throw new AppError('dump.schema-moving', { context: { database: options.database, tries: retries + 1 } })
}

async function roomFor(
  session: PostgresSession,
  relations: readonly Relation[],
  database: string,
): Promise<boolean> {
  const { tables, views } = lockedRelations(relations)
  const count = tables.length + views.length
  const table = await readLockTable(session)
  const verdict = lockVerdict(count, table)
  if (verdict === 'refuse') throw tooFewSlots(database, count, table)
  return verdict === 'streams'
}

async function lockAll(session: PostgresSession, relations: readonly Relation[]): Promise<void> {
  const { tables, views } = lockedRelations(relations)
  for (const statement of lockStatements(tables)) await session.query(statement)
  if (views.length === 0) return
  // A view locks what it reads, as its owner: where that one may not, pg_dump alone would not lock it either.
  await session.query('SAVEPOINT views')
  try {
    for (const statement of lockStatements(views)) await session.query(statement)
    await session.query('RELEASE SAVEPOINT views')
  } catch (thrown) {
    if (AppError.from(thrown).code !== 'database.privilege-missing') throw thrown
    await session.query('ROLLBACK TO SAVEPOINT views')
    await session.query('RELEASE SAVEPOINT views')
  }
}

/** `ONLY`: children are in the list themselves, and one that is made meanwhile must show as a difference. */
function lockStatements(relations: readonly Relation[]): readonly string[] {
  const statements: string[] = []
  for (let start = 0; start < relations.length; start += lockedAtOnce) {
    const names = relations.slice(start, start + lockedAtOnce).map(each => `ONLY ${qualified(each)}`)
    statements.push(`LOCK TABLE ${names.join(', ')} IN ACCESS SHARE MODE`)
  }
  return statements
}

/** A relation or schema that was listed and is gone: the list is taken again. */
function vanished(thrown: unknown): boolean {
  const { code } = AppError.from(thrown).context
  return code === '42P01' || code === '3F000'
}
