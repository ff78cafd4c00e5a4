import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/** What operators paused: a database, a host, a site, the fleet. One row for each. */
export const pauses: Migration = {
  number: 5,
  name: 'pauses',
  kind: 'compatible',
  up: async (db, { types: { key, text, int, tableEnd } }) => {
    await sql
      .raw(
        `create table pauses (key ${key} primary key, format ${int} not null, record ${text} not null) ${tableEnd}`,
      )
      .execute(db)
  },
}
