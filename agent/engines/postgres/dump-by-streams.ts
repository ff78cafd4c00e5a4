import type { Command } from '../../process/command.ts'
import type { DumpOptions, DumpStream, EngineContext, FoundTool, InstanceTarget } from '../port.ts'
import { ContentsReader, demandContents } from './contents.ts'
import { type Holder, lockWait } from './holder.ts'
import { conninfo, toolEnvironment } from './libpq.ts'
import { expectedTables, qualified, type SizedTable } from './relations.ts'
import type { ServerFacts } from './server.ts'
import type { StreamPlan } from './stream-plan.ts'
import { findTool, majorOf } from './tools.ts'

/**
 * The server ends a session of a tool that has taken nothing in for so long: all that a stopped agent still
 * holds after its holder was ended. Slower than this, a stream is as good as dead (ADR 0101).
 */
const unreadLimitDefaultMs = 15 * 60_000

/** The streams of one database on one snapshot, and their account. */
export interface StreamsOfDatabase {
  readonly streams: readonly DumpStream[]
  /** @throws AppError `dump.unaccounted` */
  account(): void
}

/** What both ways of dumping a database give their pg_dump. */
export async function dumpEnvironment(
  target: InstanceTarget,
  context: EngineContext,
  purpose: string,
  { major }: ServerFacts,
  unreadLimitMs = unreadLimitDefaultMs,
): Promise<Record<string, string>> {
  return toolEnvironment(target, context, purpose, major >= 12 ? { tcp_user_timeout: unreadLimitMs } : {})
}

/**
 * The recipe of facts-databases §4: the schema first and alone, pre-data and post-data in one archive; each
 * large table; the rest. Every archive shows its own table of contents to `pg_restore -l`.
 */
export async function streamsOf(job: {
  readonly target: InstanceTarget
  readonly database: string
  readonly facts: ServerFacts
  readonly tool: FoundTool
  readonly holder: Holder
  readonly plan: StreamPlan
  readonly purpose: string
  readonly context: EngineContext
  readonly options: DumpOptions
}): Promise<StreamsOfDatabase> {
  const { target, database, facts, tool, holder, plan, context } = job
  // it reads what this pg_dump writes
  const reader = await findTool('pg_restore', majorOf(tool.version) ?? facts.major, context)
  const env = await dumpEnvironment(target, context, job.purpose, facts, job.options.unreadLimit)
  const contents = new Map<string, ContentsReader>()
  const stream = (
    name: string,
    predictedBytes: number,
    args: readonly string[],
    headBytes?: number,
  ): DumpStream => {
    const command: Command = {
      name: 'pg_dump',
      program: tool.path,
      args: [
        ...['-Fc', '-Z0', '--no-password', `--snapshot=${holder.snapshot}`],
        ...[`--lock-wait-timeout=${lockWait}`, ...args, '-d', conninfo(database)],
      ],
      env,
    }
    const list: Command = { name: 'pg_restore', program: reader.path, args: ['-l'] }
    return {
      name,
      format: 'pgdump',
      command,
      tap: {
        command: list,
        take: chunk => contents.get(name)?.read(chunk),
        ...(headBytes === undefined ? {} : { headBytes }),
      },
      predictedBytes: Math.max(1, predictedBytes),
    }
  }
  const schema = stream('000-schema', holder.relations.length * schemaBytes, [
    '--section=pre-data',
    '--section=post-data',
  ])
  const tables = plan.shared.map((table, index) =>
    stream(`${String(index + 1).padStart(3, '0')}-data`, table.bytes, dataArgs(table), tableContentsBytes),
  )
  const rest = stream(
    '999-rest',
    plan.restBytes,
    [
      '--section=data',
      ...plan.shared.map(table => `--exclude-table-data=${qualified(table)}`),
      // large objects may be millions of entries
    ],
    holder.hasLargeObjects ? undefined : restContentsBytes(holder),
  )
  const largestFirst = [...tables, rest].sort((a, b) => b.predictedBytes - a.predictedBytes)
  const streams = [{ ...schema, alone: true }, ...largestFirst]
  for (const { name } of streams) contents.set(name, new ContentsReader())
  return {
    streams,
    account: () =>
      demandContents(contents, expectedTables(holder.relations, facts.role), holder.hasLargeObjects),
  }
}

/** No table of contents with the rows of one table comes to so much: its COPY names 1,600 columns at most, bytes. */
const tableContentsBytes = 4 << 20

/** Nor that of the rest to so much: a COPY for each table, the value of each sequence, bytes. */
function restContentsBytes({ relations, sequences }: Holder): number {
  return tableContentsBytes + relations.length * (128 << 10) + sequences * 1024
}

/** What the schema of one relation comes to, bytes. */
const schemaBytes = 4096

/**
 * The rows of one table. The values of its own sequences are left to the rest, which has them as well: so each is
 * restored once.
 */
function dataArgs(table: SizedTable): readonly string[] {
  return [
    ...['--section=data', '--strict-names', '-t', qualified(table)],
    ...table.sequences.map(sequence => `--exclude-table-data=${sequence}`),
  ]
}
