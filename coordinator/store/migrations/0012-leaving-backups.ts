import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/**
 * Backups that nothing keeps any more or that are being deleted, found without looking at all of them; what is
 * remembered of those that are gone; and how far an operator let retention go.
 */
export const leavingBackups: Migration = {
  number: 12,
  name: 'leaving-backups',
  kind: 'compatible',
  up: async (db, { types: { key, text, int, tableEnd } }) => {
    for (const statement of [
      `alter table backups add column leaving ${key}`,
      `alter table backups add column leaving_since ${int}`,
      'create index backups_leaving on backups (leaving, leaving_since, id) where leaving is not null',
      `create table deleted_backups (id ${key} primary key, attempt_id ${key} not null, database_id ${key} not null,
       cluster_id ${key} not null, deleted_at ${int} not null, format ${int} not null, record ${text} not null) ${tableEnd}`,
      'create index deleted_backups_by_attempt on deleted_backups (attempt_id)',
      'create index deleted_backups_by_time on deleted_backups (deleted_at, id)',
      'create index deleted_backups_by_database on deleted_backups (database_id, deleted_at, id)',
      `create table brake_releases (at ${int} primary key, format ${int} not null, record ${text} not null) ${tableEnd}`,
    ])
      await sql.raw(statement).execute(db)
  },
}
