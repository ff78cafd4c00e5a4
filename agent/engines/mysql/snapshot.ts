import { setTimeout as pause } from 'node:timers/promises'
import { abortCause } from '../../process/index.ts'
import type { Dialect } from './dialect.ts'
import type { DumpHead } from './dump-head.ts'
import type { ServerFacts } from './server.ts'
import type { MysqlSession } from './session.ts'
import { olderSeries, versionOf } from './tools.ts'
import { unlessAborted } from './unless-aborted.ts'

/**
 * Neither server lets a session join another's snapshot, so a census looks for one that is *proven* to be the same
 * as the dump tool's. Counts that merely agree prove nothing. What does:
 *
 * - `position`: the tool writes the binary log's position of its own snapshot into its head (MariaDB, which takes no
 *   lock for it), and every snapshot of ours has one too: equal positions, equal contents.
 * - `stillness`: a counter that every change moves is the same before our snapshot, and after the tool took its own.
 */
export type Proof =
  | { readonly kind: 'position' }
  | { readonly kind: 'stillness'; readonly counter: string }
  /** Nothing can be proven here, and why. */
  | { readonly kind: 'none'; readonly why: string }

/** The session whose snapshot is the tool's, or why there is none. */
export type Shared = { readonly session: MysqlSession } | { readonly why: string }

/** A search, begun before the tool starts. Who opened the sessions closes them. */
export interface SnapshotSearch {
  /** Follows the tool until it has its snapshot for certain. Rejects with the signal's cause. */
  found(head: DumpHead, signal: AbortSignal): Promise<Shared>
}

/** Snapshots kept at once where positions are compared: so many changes may come between the tool's and the news of it. */
const kept = 4
/** Between two snapshots, or two looks at the counter, ms. */
const pacePositionMs = 4
const paceStillnessMs = 25
/** The host may keep the tool waiting for minutes: after so many looks they become rarer. */
const patientAfter = 2_000
const patientPaceMs = 250
/**
 * Where a change moves the counter and where others begin to see it are two steps in the server's memory. A counter
 * that stood still for so long, ms, has no change between them.
 */
const settleMs = 50
const settleTries = 8

/** An account with so few sessions at once needs them for dumps beside each other. */
const fewConnections = 16

// without REPEATABLE READ it would be ignored with a warning
const isolation = 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ'
const begin = 'COMMIT; START TRANSACTION WITH CONSISTENT SNAPSHOT'
const busy =
  'others changed too much while the dump began: no snapshot is proven to be the same as the one it was made in'

/** Chooses the best proof that this server and role allow. */
export async function proofFor(session: MysqlSession, dialect: Dialect, facts: ServerFacts): Promise<Proof> {
  const { privileges, logStatus, positionArg, counter } = dialect.snapshots
  const [limit = '0'] = await session.run('SELECT @@SESSION.max_user_connections')
  if (Number(limit) > 0 && Number(limit) < fewConnections)
    return { kind: 'none', why: `the backup role may have ${limit} sessions only, which are for dumps` }
  const version = versionOf(facts.version)
  const status = logStatus(version === undefined || !olderSeries(version, [8, 2, 0]))
  const mayAsk = privileges.some(privilege => facts.grants.everywhere(privilege))
  const complete = mayAsk && (await logsEverything(session, status))
  if (complete && positionArg !== undefined) return { kind: 'position' }
  if (counter !== undefined) return { kind: 'stillness', counter }
  if (complete) return { kind: 'stillness', counter: status }
  return {
    kind: 'none',
    why: mayAsk
      ? 'the server has no binary log of all its changes'
      : `the backup role may not read the position of the binary log (${privileges[0] ?? ''})`,
  }
}

/** Whether the binary log is on and holds the changes of every database, those received from elsewhere too. */
async function logsEverything(session: MysqlSession, status: string): Promise<boolean> {
  const [line] = await session.run(status)
  const [file = '', , only = '', except = ''] = line?.split('\t') ?? []
  if (file === '' || only !== '' || except !== '') return false
  const values = pairs(
    await session.run(
      "SHOW GLOBAL VARIABLES WHERE variable_name IN ('log_slave_updates', 'log_replica_updates', 'gtid_slave_pos', 'wsrep_on')",
    ),
  )
  const received = values.get('log_replica_updates') ?? values.get('log_slave_updates')
  if (received === 'ON') return true
  // MariaDB tells up to where it received, empty if it never did; what Galera applies is not in there
  return values.get('gtid_slave_pos') === '' && values.get('wsrep_on') !== 'ON'
}

/** How many sessions a proof needs. */
export function sessionsFor(proof: Proof): number {
  return { position: kept, stillness: 1, none: 0 }[proof.kind]
}

/**
 * Takes the first snapshots. The tool must not have been started.
 *
 * @param sessions as many as `sessionsFor` says
 */
export async function searchSnapshot(
  proof: Proof,
  sessions: readonly MysqlSession[],
): Promise<SnapshotSearch> {
  for (const session of sessions) await session.run(isolation)
  if (proof.kind === 'position') return byPosition(sessions)
  const [session] = sessions
  if (proof.kind === 'stillness' && session !== undefined) return byStillness(session, proof.counter)
  const why = proof.kind === 'none' ? proof.why : 'there is no session to count with'
  return { found: async () => ({ why }) }
}

/** Keeps taking snapshots, each in the place of the oldest, until the tool tells the position of its own. */
async function byPosition(sessions: readonly MysqlSession[]): Promise<SnapshotSearch> {
  const positions = new Map<MysqlSession, string>()
  const take = async (session: MysqlSession) => {
    const position = positionFrom(await session.run(`${begin}; SHOW SESSION STATUS LIKE 'binlog_snapshot_%'`))
    positions.set(session, position)
    return position
  }
  let newest = ''
  for (const session of sessions) newest = await take(session)
  return {
    async found(head, signal) {
      for (let looks = 0, oldest = 0; !head.begun; looks++) {
        const session = sessions[oldest % sessions.length]
        if (session === undefined) break
        const position = await take(session)
        // nothing has changed: its place is free again
        if (position !== newest) oldest++
        newest = position
        await look(looks, pacePositionMs, head, signal)
      }
      if (head.position === undefined) return { why: 'the dump does not tell the position of its snapshot' }
      for (const [session, position] of positions) if (position === head.position) return { session }
      return { why: busy }
    },
  }
}

function positionFrom(status: readonly string[]): string {
  const values = pairs(status)
  return `${values.get('Binlog_snapshot_file') ?? ''}:${values.get('Binlog_snapshot_position') ?? ''}`
}

/**
 * Holds one snapshot, and takes it anew when the counter moves, as long as the tool cannot have taken its own: only
 * then do the counter's two equal values stand around both.
 */
async function byStillness(session: MysqlSession, counter: string): Promise<SnapshotSearch> {
  const read = async () => (await session.run(counter)).join('\n')
  /** The counter's value before our snapshot; undefined: it moved. */
  const take = async () => {
    const before = await read()
    await pause(settleMs)
    if (before !== (await read())) return undefined
    await session.run(begin)
    return before
  }
  const readLogins = async () => (await session.run("SHOW GLOBAL STATUS LIKE 'Connections'")).join()
  const logins = await readLogins()
  let held: string | undefined
  for (let tries = 0; held === undefined && tries < settleTries; tries++) held = await take()
  return {
    async found(head, signal) {
      for (let looks = 0; !head.begun; looks++) {
        if (held !== (await read())) {
          held = await take()
          // somebody has logged in since: it may have been the tool, even if it has gone by now
          if (logins !== (await readLogins())) return { why: busy }
        }
        await look(looks, paceStillnessMs, head, signal)
      }
      await unlessAborted(head.beginning, signal)
      // what the tool saw is in the counter by now, whichever of the two a change does first
      await pause(settleMs, undefined, { signal })
      return held !== undefined && held === (await read()) ? { session } : { why: busy }
    },
  }
}

async function look(looks: number, paceMs: number, head: DumpHead, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw abortCause(signal)
  if (!head.begun) await pause(looks > patientAfter ? patientPaceMs : paceMs, undefined, { signal })
}

function pairs(lines: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    lines.map(line => {
      const [name = '', value = ''] = line.split('\t')
      return [name, value]
    }),
  )
}
