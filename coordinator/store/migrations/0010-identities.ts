import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/** Join tokens by their hash, every key that was certified, and agents that are refused for good. */
export const identities: Migration = {
  number: 10,
  name: 'identities',
  kind: 'compatible',
  up: async (db, { types: { key, text, int, tableEnd } }) => {
    const recorded = `format ${int} not null, record ${text} not null) ${tableEnd}`
    for (const statement of [
      `create table join_tokens (hash ${key} primary key, ${recorded}`,
      `create table certified_keys (key_id ${key} primary key, agent_id ${key} not null, ${recorded}`,
      'create index certified_keys_by_agent on certified_keys (agent_id, key_id)',
      `create table revocations (agent_id ${key} primary key, ${recorded}`,
    ])
      await sql.raw(statement).execute(db)
  },
}
