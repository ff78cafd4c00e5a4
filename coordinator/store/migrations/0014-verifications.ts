import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/**
 * What restores showed of backups, by time, database, cluster, backup and verdict; and which databases stand in the
 * ledger for want of a proof. A process of the version before keeps the fields it does not know and leaves the new
 * column as it is; the next look at the database puts it right.
 */
export const verifications: Migration = {
  number: 14,
  name: 'verifications',
  kind: 'compatible',
  up: async (db, { types: { key, text, int, tableEnd } }) => {
    for (const statement of [
      `create table verifications (id ${key} primary key, backup_id ${key} not null, database_id ${key} not null,
       cluster_id ${key} not null, at ${int} not null, verdict ${key} not null, format ${int} not null,
       record ${text} not null) ${tableEnd}`,
      'create index verifications_by_time on verifications (at, id)',
      ...['database_id', 'cluster_id', 'backup_id', 'verdict'].map(
        column => `create index verifications_by_${column} on verifications (${column}, at, id)`,
      ),
      `alter table database_states add column verification_gap ${key}`,
      `create index database_states_unproven on database_states (verification_gap, database_id)
       where verification_gap is not null`,
    ])
      await sql.raw(statement).execute(db)
  },
}
