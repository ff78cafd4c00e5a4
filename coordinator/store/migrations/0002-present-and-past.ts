import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/** Indexes for counting and listing what there is now, and for finding what is old enough to be removed. */
export const presentAndPast: Migration = {
  number: 2,
  name: 'present-and-past',
  kind: 'compatible',
  up: async db => {
    for (const statement of [
      // whole indexes with all that is asked for: SQLite reads the row for a column of a partial one's condition
      'create index databases_present on databases (cluster_id, gone, name)',
      'create index instances_present on instances (agent_id, gone)',
      // without it a list of the breached walks everything that is not gone
      'create index databases_protected on databases (protection, gone, name, id)',
      'create index requests_by_time on requests (at)',
      'create index results_by_time on results (at)',
      `create index outbox_done on outbox (next_attempt_at, id) where state in ('delivered', 'cancelled')`,
    ])
      await sql.raw(statement).execute(db)
  },
}
