import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/** Silences, and the newest alert of a key: what opened lately is how flapping is seen. */
export const silences: Migration = {
  number: 3,
  name: 'silences',
  kind: 'compatible',
  up: async (db, { types: { key, text, int, tableEnd } }) => {
    for (const statement of [
      `create table silences (id ${key} primary key, ends_at ${int} not null,
       format ${int} not null, record ${text} not null) ${tableEnd}`,
      'create index silences_by_end on silences (ends_at, id)',
      'create index alerts_by_key on alerts (dedup_key, opened_at, id)',
    ])
      await sql.raw(statement).execute(db)
  },
}
