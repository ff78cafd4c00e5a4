import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/**
 * Sizes and durations of each database's backups, and what lists of trends are sorted by. The columns are filled with
 * the next backup of a database; what has none yet is in no such list.
 */
export const trends: Migration = {
  number: 7,
  name: 'trends',
  kind: 'compatible',
  up: async (db, { types: { key, text, int, tableEnd } }) => {
    const sorted = ['raw_bytes', 'stored_bytes', 'raw_growth', 'duration', 'duration_growth', 'outgrows_at']
    for (const statement of [
      `create table database_histories (
         database_id ${key} primary key references databases (id), format ${int} not null, record ${text} not null) ${tableEnd}`,
      ...sorted.map(column => `alter table database_states add column ${column} ${int}`),
      ...sorted.map(
        column =>
          `create index database_states_by_${column} on database_states (${column}, database_id) where ${column} is not null`,
      ),
    ])
      await sql.raw(statement).execute(db)
  },
}
