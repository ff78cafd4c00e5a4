import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/**
 * Backups by size and by how long they took, of all and of a cluster. The columns are generated from the record, so
 * that they are right for every backup there is and for those a process of the version before goes on inserting. The
 * time of the commit stands in the indexes so that a stretch of time is sifted without fetching rows.
 */
export const sortedBackups: Migration = {
  number: 11,
  name: 'sorted-backups',
  kind: 'compatible',
  up: async (db, { kind, types: { int } }) => {
    const generated = (column: string, words: { readonly sqlite: string; readonly postgres: string }) =>
      `alter table backups add column ${column} ${int} generated always as (${words[kind]}) ${kind === 'sqlite' ? 'virtual' : 'stored'}`
    for (const statement of [
      generated('stored_bytes', {
        // what is no JSON was damaged: it is refused when it is read, not here
        sqlite: `case when json_valid(record) then json_extract(record, '$.storedBytes') end`,
        postgres: `(record::jsonb ->> 'storedBytes')::bigint`,
      }),
      generated('took', {
        sqlite: `case when json_valid(record) then json_extract(record, '$.committedAt') - json_extract(record, '$.startedAt') end`,
        postgres: `(record::jsonb ->> 'committedAt')::bigint - (record::jsonb ->> 'startedAt')::bigint`,
      }),
      ...['stored_bytes', 'took'].flatMap(column => [
        `create index backups_by_${column} on backups (${column}, id, committed_at)`,
        `create index backups_of_cluster_by_${column} on backups (cluster_id, ${column}, id, committed_at)`,
      ]),
    ])
      await sql.raw(statement).execute(db)
  },
}
