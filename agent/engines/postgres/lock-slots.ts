import { AppError } from '../../../shared/errors/index.ts'
import type { PostgresSession } from './session.ts'

/** The lock table of a server, as far as it decides how much may be locked. */
export interface LockTable {
  /** Entries it is made for; shared by every session of the server. */
  readonly slots: number
  /** Entries in use now. */
  readonly inUse: number
}

/**
 * What a dump of so many relations may do to the lock table. Every whole-schema run (holder, schema, rest; two
 * of them at a time) takes an entry for each relation, and when the table is full the *application* gets `out of
 * shared memory` too (facts-databases §5). So streams take half of it at most; one archive what is left;
 * more than that is refused, since the dump would fail as well, after having done its harm.
 */
export function lockVerdict(relations: number, { slots, inUse }: LockTable): 'streams' | 'single' | 'refuse' {
  if (2 * relations + inUse <= slots) return 'streams'
  return relations + inUse <= slots ? 'single' : 'refuse'
}

/**
 * Reads it. The server makes `max_locks_per_transaction` entries for every session it can have (PostgreSQL's
 * `NLOCKENTS`): also for autovacuum, workers and WAL senders.
 */
export async function readLockTable(session: PostgresSession): Promise<LockTable> {
  const [row] = await session.query<{ slots: string; in_use: string }>(
    `with s as (select name, setting::bigint as value from pg_settings
                 where name in ('max_locks_per_transaction', 'max_connections', 'max_prepared_transactions',
                                'autovacuum_max_workers', 'autovacuum_worker_slots', 'max_worker_processes', 'max_wal_senders'))
     select ((select value from s where name = 'max_locks_per_transaction')
              * ((select sum(value) from s where name in ('max_connections', 'max_prepared_transactions',
                                                          'max_worker_processes', 'max_wal_senders'))
                 + coalesce((select value from s where name = 'autovacuum_worker_slots'),
                            (select value from s where name = 'autovacuum_max_workers')) + 1))::text as slots,
            (select count(*) from pg_locks where not fastpath)::text as in_use`,
  )
  return { slots: Number(row?.slots ?? 0), inUse: Number(row?.in_use ?? 0) }
}

/** The refusal, with what would have to be set. */
export function tooFewSlots(database: string, relations: number, { slots, inUse }: LockTable): AppError {
  return new AppError('database.lock-slots', {
    context: { database, relations, lock_slots: slots, in_use: inUse, needed: 2 * relations + inUse },
  })
}
