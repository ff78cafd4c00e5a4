import { AppError } from '../../../shared/errors/index.ts'
import type { CensusCounts } from '../../../shared/model/census.ts'
import type { DumpSession, DumpStream, EngineContext, InstanceTarget } from '../port.ts'
import {
  type Countables,
  countObjects,
  countRows,
  countTimeoutMs,
  listCountable,
  readSequences,
} from './counts.ts'
import type { Dialect } from './dialect.ts'
import { DumpHead, headBytes } from './dump-head.ts'
import type { ServerFacts } from './server.ts'
import { type MysqlSession, openSession, withSession } from './session.ts'
import { type Proof, proofFor, type SnapshotSearch, searchSnapshot, sessionsFor } from './snapshot.ts'
import { unlessAborted } from './unless-aborted.ts'

/** Between the opening of a dump and the start of its tool a host may make it wait, seconds. */
const idleTimeoutSeconds = 600

/** What a census is taken with. */
export interface CensusJob {
  readonly target: InstanceTarget
  readonly dialect: Dialect
  readonly context: EngineContext
  readonly database: string
  readonly facts: ServerFacts
  /** The dump has all versions of system-versioned rows. */
  readonly history: boolean
  /** Those of the dump: why there is no census is added to them. */
  readonly warnings: string[]
}

/** A census that was prepared with its dump. */
export interface DumpCensus {
  /** What the dump tool must be asked for beside its own. */
  readonly toolArgs: readonly string[]
  /** By which it sees the beginning of the tool's stream. */
  readonly tap: NonNullable<DumpStream['tap']>
  /** See the port. */
  readonly take: NonNullable<DumpSession['census']>
  /** The tool's stream was read to its end. */
  toolEnded(): void
  /** Every stream was. */
  dumped(): void
  close(): Promise<void>
}

/** What is in no snapshot, read before the tool begins and once more when it is done. */
interface Outlines {
  readonly countables: Countables
  readonly objects: CensusCounts['objects']
}

/** Everything read, and every snapshot taken, before the tool begins. */
interface Prepared {
  readonly proof: Proof
  readonly before: Outlines
  /** A sequence goes on whatever anybody's snapshot is: what is read before the tool reads it, is behind it. */
  readonly sequences: Pick<CensusCounts, 'sequences' | 'skipped'>
  readonly sessions: MysqlSession[]
  readonly search: SnapshotSearch
}

/** Prepares a census, before the dump tool starts. Undefined, with a warning, where that fails: the dump goes on. */
export async function prepareCensus(job: CensusJob): Promise<DumpCensus | undefined> {
  const cat = await job.context.tools.find(['cat'], [], 'path')
  const sessions: MysqlSession[] = []
  try {
    const prepared = await prepare(job, sessions)
    return censusOf(prepared, job, { name: cat.name, program: cat.path, args: [] })
  } catch (thrown) {
    await closeAll(sessions)
    if (job.context.signal.aborted) throw thrown
    const { message, code } = AppError.from(thrown)
    job.warnings.push(withoutCensus(`${message} (${code})`))
    return undefined
  }
}

/** @param sessions gets those that it opens, which the caller closes */
async function prepare(job: CensusJob, sessions: MysqlSession[]): Promise<Prepared> {
  const { target, dialect, context, database } = job
  const first = await withSession(target, dialect, context, {}, async session => ({
    proof: await proofFor(session, dialect, job.facts),
    before: await readOutlines(session, job),
    sequences: await readSequences(session, database),
  }))
  const options = { idleTimeoutSeconds, statementTimeoutMs: countTimeoutMs }
  const opening = Array.from({ length: sessionsFor(first.proof) }, async () => {
    sessions.push(await openSession(target, dialect, context, options))
  })
  // all of them, also when one fails: none must be opened after the others were closed
  for (const opened of await Promise.allSettled(opening))
    if (opened.status === 'rejected') throw opened.reason
  return { ...first, sessions, search: await searchSnapshot(first.proof, sessions) }
}

function censusOf(prepared: Prepared, job: CensusJob, copy: DumpStream['command']): DumpCensus {
  const { proof, sessions } = prepared
  const { positionArg } = job.dialect.snapshots
  const head = new DumpHead()
  const dumped = Promise.withResolvers<void>()
  return {
    toolArgs: proof.kind === 'position' && positionArg !== undefined ? [positionArg] : [],
    tap: { command: copy, take: chunk => head.take(chunk), headBytes },
    async take(signal) {
      const end = () => void closeAll(sessions)
      signal.addEventListener('abort', end, { once: true })
      try {
        return await counted(prepared, job, { head, dumped: dumped.promise, signal })
      } finally {
        signal.removeEventListener('abort', end)
        await closeAll(sessions)
      }
    },
    toolEnded: () => head.end(),
    dumped: () => dumped.resolve(),
    close: () => closeAll(sessions),
  }
}

async function counted(
  { search, before, sequences, sessions }: Prepared,
  job: CensusJob,
  {
    head,
    dumped,
    signal,
  }: { readonly head: DumpHead; readonly dumped: Promise<void>; readonly signal: AbortSignal },
): Promise<CensusCounts | undefined> {
  const { target, dialect, context, database } = job
  const shared = await search.found(head, signal)
  if ('why' in shared) {
    job.warnings.push(withoutCensus(shared.why))
    return undefined
  }
  const others = sessions.filter(session => session !== shared.session)
  await Promise.all(others.map(session => session.close()))
  const tables = await countRows(shared.session, database, before.countables.tables)
  // nothing of ours keeps old rows alive longer than it must
  await closeAll(sessions)
  await unlessAborted(dumped, signal)
  const after = await withSession(target, dialect, context, {}, late => readOutlines(late, job))
  return assemble(before, after, tables, sequences)
}

async function readOutlines(session: MysqlSession, { database, history }: CensusJob): Promise<Outlines> {
  return {
    countables: await listCountable(session, database, history),
    objects: await countObjects(session, database),
  }
}

/** What was made or dropped while the dump ran may be in it or not: it is not compared. */
function assemble(
  before: Outlines,
  after: Outlines,
  tables: CensusCounts['tables'],
  sequences: Pick<CensusCounts, 'sequences' | 'skipped'>,
): CensusCounts {
  const known = new Set(namesOf(before.countables))
  const remaining = new Set(namesOf(after.countables))
  const unsteady = [
    ...[...known].filter(name => !remaining.has(name)),
    ...[...remaining].filter(name => !known.has(name)),
  ]
  const steady = (kind: string) => before.objects[kind] === after.objects[kind]
  const kinds = Object.entries(before.objects)
  const reason = 'made or dropped while the dump ran'
  return {
    tables: tables.filter(({ name }) => remaining.has(name)),
    sequences: sequences.sequences,
    objects: Object.fromEntries(kinds.filter(([kind]) => steady(kind))),
    skipped: [
      ...before.countables.skipped,
      ...sequences.skipped,
      ...unsteady.map(name => ({ name, reason })),
      // in parentheses, lest it be taken for a table of that name
      ...kinds.filter(([kind]) => !steady(kind)).map(([kind]) => ({ name: `(${kind})`, reason })),
    ],
  }
}

function namesOf({ tables, skipped }: Countables): readonly string[] {
  return [...tables, ...skipped].map(({ name }) => name)
}

function withoutCensus(why: string): string {
  return `no census, so a restore of it can only be tried, not compared: ${why}`
}

async function closeAll(sessions: MysqlSession[]): Promise<void> {
  await Promise.all(sessions.splice(0).map(session => session.close()))
}
