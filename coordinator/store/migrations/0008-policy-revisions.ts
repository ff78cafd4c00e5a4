import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/** Every text of policies that was in force, oldest first: none is ever changed. */
export const policyRevisions: Migration = {
  number: 8,
  name: 'policy-revisions',
  kind: 'compatible',
  up: async (db, { types: { int, text, tableEnd } }) => {
    await sql
      .raw(
        `create table policy_revisions (revision ${int} primary key, format ${int} not null, record ${text} not null) ${tableEnd}`,
      )
      .execute(db)
  },
}
