import { availableParallelism } from 'node:os'
import { AppError } from '../../../shared/errors/index.ts'
import type { DumpOptions, DumpSession, EngineContext, InstanceTarget } from '../port.ts'
import { countSnapshot } from './census.ts'
import { readSequences } from './census-sequences.ts'
import { type Holder, openHolder } from './holder.ts'
import { lockVerdict, readLockTable, tooFewSlots } from './lock-slots.ts'
import { listRelations, lockedRelations } from './relations.ts'
import type { ServerFacts } from './server.ts'
import type { PostgresSession } from './session.ts'
import { defaultStreams, planStreams, type StreamPlan, sharedFromDefault } from './stream-plan.ts'

/** The dump of one database. */
export interface DatabaseJob {
  readonly target: InstanceTarget
  readonly database: string
  readonly facts: ServerFacts
  readonly session: PostgresSession
  readonly context: EngineContext
  readonly options: DumpOptions
}

/** A snapshot under locks, and what is dumped in it. */
export interface Shared {
  readonly holder: Holder
  /** Absent: one archive, in the holder's snapshot all the same, so that others can look into it. */
  readonly plan?: StreamPlan
  readonly concurrency: number
}

/** Catalogues as a census reads them: `pg_sequence`, partitions. */
const censusFrom = 10

/**
 * Snapshot, locks and plan. One archive is right for a small database or one table: it gets the snapshot where
 * its census is asked for, and is no worse off without. Undefined when it has none, or too few lock slots.
 */
export async function share(
  job: DatabaseJob,
  databaseBytes: number,
  purpose: string,
  broken: AbortController,
  warnings: string[],
): Promise<Shared | undefined> {
  const { session, database, options } = job
  const streams = options.streams ?? defaultStreams(availableParallelism())
  const sharedFrom = options.sharedFrom ?? sharedFromDefault
  const byStreams = streams >= 2 && databaseBytes >= sharedFrom
  if (!byStreams && !wantsCensus(job)) {
    await demandSlots(session, database)
    return undefined
  }
  let needed = byStreams
  const onLost = (error: AppError) => {
    const lost = new AppError('dump.snapshot-lost', {
      context: { database, detail: String(error.context.detail ?? error.message) },
      cause: error,
    })
    // one archive that has begun has snapshot and locks of its own; one that has not fails by itself
    if (needed) broken.abort(lost)
  }
  const holder = await held(job, { purpose, onLost, needed }, warnings)
  if (holder === undefined) return undefined
  const plan = byStreams ? planStreams(holder.tables, holder.otherBytes, { streams, sharedFrom }) : undefined
  if (plan !== undefined) return { holder, plan, concurrency: streams }
  needed = false
  if (wantsCensus(job)) return { holder, concurrency: 1 }
  await holder.close()
  return undefined
}

async function held(
  job: DatabaseJob,
  how: { readonly purpose: string; readonly onLost: (error: AppError) => void; readonly needed: boolean },
  warnings: string[],
): Promise<Holder | undefined> {
  const { target, database, facts, session, context } = job
  const { needed, ...options } = how
  const without = (why: string) => {
    if (wantsCensus(job)) warnings.push(withoutCensus(why))
  }
  try {
    const holder = await openHolder(target, {
      ...{ database, facts, signal: context.signal, beside: session },
      ...options,
    })
    if (holder === undefined) without('the lock table of the server has room for one archive only')
    return holder
  } catch (thrown) {
    const error = AppError.from(thrown)
    if (needed || error.code !== 'dump.schema-moving') throw error
    // one archive alone does not mind
    without('tables come and go faster than they can be locked')
    return undefined
  }
}

/**
 * The count of the holder's snapshot, where it is asked for. Its sequences are read at once, before the dump reads
 * them: they stand outside of snapshots, and only go on.
 */
export async function snapshotCensus(
  job: DatabaseJob,
  { snapshot }: Holder,
  purpose: string,
  warnings: string[],
): Promise<DumpSession['census']> {
  if (!wantsCensus(job)) return undefined
  const { target, database, facts, session, context } = job
  const sequences = await readSequences(session, facts.role).catch((thrown: unknown) => AppError.from(thrown))
  if (!(sequences instanceof AppError))
    return signal =>
      countSnapshot(target, { database, facts, purpose, snapshot, sequences, warnings, signal })
  if (context.signal.aborted) throw sequences
  warnings.push(withoutCensus(`its sequences could not be read: ${sequences.message} (${sequences.code})`))
  return undefined
}

function wantsCensus({ options, facts }: DatabaseJob): boolean {
  return options.census === true && facts.major >= censusFrom
}

function withoutCensus(why: string): string {
  return `no census, so a restore of it can only be tried, not compared: ${why}`
}

/** One archive takes the locks of one whole-schema run. */
async function demandSlots(session: PostgresSession, database: string): Promise<void> {
  const { tables, views } = lockedRelations(await listRelations(session))
  const relations = tables.length + views.length
  const table = await readLockTable(session)
  if (lockVerdict(relations, table) === 'refuse') throw tooFewSlots(database, relations, table)
}
