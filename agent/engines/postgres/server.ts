import type { IdentityEvidence } from '../../../shared/model/engine.ts'
import type { PostgresSession } from './session.ts'

/** What every operation asks first: who the server is, and what its clock and log say. */
export interface ServerFacts {
  readonly major: number
  readonly version: string
  readonly role: 'primary' | 'replica'
  readonly superuser: boolean
  readonly evidence: readonly IdentityEvidence[]
}

/** Asks it. Needs no privilege: the control functions are open to everyone. */
export async function readServerFacts(session: PostgresSession): Promise<ServerFacts> {
  const [row] = await session.query<{
    version_num: string
    version: string
    replica: boolean
    superuser: boolean
    system_identifier: string
  }>(`select current_setting('server_version_num') as version_num,
             current_setting('server_version') as version,
             pg_is_in_recovery() as replica,
             current_setting('is_superuser') = 'on' as superuser,
             (select system_identifier::text from pg_control_system()) as system_identifier`)
  if (row === undefined) throw new Error('the server answered without a row')
  return {
    major: Math.trunc(Number(row.version_num) / 10_000),
    version: row.version,
    role: row.replica ? 'replica' : 'primary',
    superuser: row.superuser,
    evidence: [{ kind: 'postgres-system-identifier', value: row.system_identifier }],
  }
}

/** A moment on the server. */
export interface Moment {
  /** Milliseconds UTC; on a replica the age of the data, which its clock does not tell. */
  readonly dataAsOf: number
  readonly clockOffsetMs: number
  readonly lsn: string
}

/**
 * Reads the moment a dump that starts *after* this call is true of: never later than its snapshot (P1).
 *
 * Primary: its clock. Replica: the commit time of the last transaction it has replayed, by the primary's
 * clock; every snapshot from now on holds at least that. After a restart without a replay the time of the
 * checkpoint it restarted from is all that is certain. When the primary is idle both stay behind the truth:
 * an age that is too high raises a false alarm, one that is too low hides a breach.
 */
export async function readMoment(session: PostgresSession, role: ServerFacts['role']): Promise<Moment> {
  const sent = Date.now()
  const [row] = await session.query<{ server: number; data: number; lsn: string }>(
    role === 'primary'
      ? `select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as server,
                floor(extract(epoch from clock_timestamp()) * 1000)::float8 as data,
                pg_current_wal_lsn()::text as lsn`
      : `select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as server,
                floor(extract(epoch from greatest(
                  pg_last_xact_replay_timestamp(),
                  (select checkpoint_time from pg_control_checkpoint()))) * 1000)::float8 as data,
                pg_last_wal_replay_lsn()::text as lsn`,
  )
  if (row === undefined) throw new Error('the server answered without a row')
  const received = Date.now()
  return {
    dataAsOf: row.data,
    // Plus nothing, lest it be a minus zero.
    clockOffsetMs: Math.round(row.server - (sent + received) / 2) + 0,
    lsn: row.lsn,
  }
}
