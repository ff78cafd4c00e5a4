import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/**
 * Copies of backups that are asked for and are not there. A table beside `copies`, so that a process of the version
 * before, to which every row of `copies` is a copy that is there, goes on being right.
 */
export const missingCopies: Migration = {
  number: 4,
  name: 'missing-copies',
  kind: 'compatible',
  up: async (db, { types: { key, text, int, tableEnd } }) => {
    for (const statement of [
      `create table missing_copies (
         backup_id ${key} not null references backups (id), destination ${key} not null, state ${key} not null,
         since ${int} not null, next_at ${int} not null, job_id ${key},
         format ${int} not null, record ${text} not null, primary key (backup_id, destination)) ${tableEnd}`,
      'create index missing_copies_by_time on missing_copies (since, backup_id, destination)',
      `alter table copies add column verified_at ${int}`,
    ])
      await sql.raw(statement).execute(db)
  },
}
