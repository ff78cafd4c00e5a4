import type { Probe } from '../port.ts'
import type { PostgresSession } from './session.ts'

/** How a standby follows. */
export type Following = Pick<Probe, 'replicationLagMs' | 'replicationSource'>

/**
 * Asks a standby how far it is behind, and whom it follows. Without a receiver that runs, "all that was received is
 * replayed" says nothing: a standby that was cut off a week ago has replayed all it got. Then the age of the last
 * replayed transaction counts, or nothing is told when there is none. While it streams and has replayed everything it
 * is not behind, however long ago the primary last wrote.
 *
 * The source is told only while it streams: the configuration of a copy may still name production. A role without
 * `pg_read_all_stats` sees that there is a receiver, and not whose.
 */
export async function readFollowing(session: PostgresSession): Promise<Following> {
  const [row] = await session.query<{ lag: number | null; host: string | null; port: number | null }>(
    `select case when receiver.pid is not null and pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
                 else greatest(0, round(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000))
            end::float8 as lag,
            to_jsonb(receiver) ->> 'sender_host' as host,
            (to_jsonb(receiver) ->> 'sender_port')::int as port
     from (select) as one left join pg_stat_wal_receiver as receiver on true`,
  )
  const { lag, host, port } = row ?? {}
  return {
    ...(typeof lag === 'number' ? { replicationLagMs: lag } : {}),
    ...(typeof host === 'string' && host !== '' && typeof port === 'number'
      ? { replicationSource: { host, port } }
      : {}),
  }
}
