import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/** Tokens of operators, and what waits for a second person. */
export const tokensAndApprovals: Migration = {
  number: 9,
  name: 'tokens-and-approvals',
  kind: 'compatible',
  up: async (db, { types: { key, text, int, tableEnd } }) => {
    for (const statement of [
      `create table tokens (id ${key} primary key, name ${key} not null, created_at ${int} not null,
       live_until ${int} not null, format ${int} not null, record ${text} not null) ${tableEnd}`,
      'create index tokens_by_end on tokens (live_until)',
      'create index tokens_by_time on tokens (created_at, id)',
      `create table approvals (id ${key} primary key, state ${key} not null, asked_at ${int} not null,
       format ${int} not null, record ${text} not null) ${tableEnd}`,
      'create index approvals_by_time on approvals (asked_at, id)',
      'create index approvals_by_state on approvals (state, asked_at, id)',
    ])
      await sql.raw(statement).execute(db)
  },
}
