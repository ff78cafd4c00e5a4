import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/** Indexes for counting what a cluster and an agent have now, and for finding what is old enough to be removed. */
export const presentAndPast: Migration = {
  number: 2,
  name: 'present-and-past',
  kind: 'compatible',
  up: async db => {
    for (const statement of [
      `create index databases_present on databases (cluster_id) where gone = 0 and name <> ''`,
      `create index instances_present on instances (agent_id) where gone = 0`,
      'create index requests_by_time on requests (at)',
      'create index results_by_time on results (at)',
      `create index outbox_done on outbox (next_attempt_at, id) where state in ('delivered', 'cancelled')`,
    ])
      await sql.raw(statement).execute(db)
  },
}
