import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/** The audit of a stretch of time, without walking what lies before and after it. */
export const auditByTime: Migration = {
  number: 6,
  name: 'audit-by-time',
  kind: 'compatible',
  up: async db => {
    await sql.raw('create index audit_by_time on audit (at, seq)').execute(db)
  },
}
