import { encode } from '../decode.ts'
import { keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import { wholeBackup } from '../read/backups.ts'
import { decodeDebris } from '../shapes.ts'
import type { Step } from '../step.ts'
import { totals } from '../totals.ts'

/** Backups inside a step: inserted once with their copies and databases, never changed. */
export function backupWrites(step: Step): WriteTx['backups'] {
  return {
    get: id => wholeBackup(step.q, 'id', id),
    byAttempt: id => wholeBackup(step.q, 'attempt_id', id),
    insert: async backup => {
      const { manifest, copies, ...record } = backup
      await step.q
        .insertInto('backups')
        .values({
          id: backup.id,
          attempt_id: backup.attemptId,
          cluster_id: backup.clusterId,
          committed_at: backup.committedAt,
          manifest,
          ...encode(record),
        })
        .execute()
      const databases = [...new Set(backup.databaseIds)]
      if (databases.length > 0)
        await step.q
          .insertInto('backup_databases')
          .values(
            databases.map(id => ({
              database_id: id,
              committed_at: backup.committedAt,
              backup_id: backup.id,
            })),
          )
          .execute()
      if (copies.length > 0)
        await step.q
          .insertInto('copies')
          .values(
            copies.map(copy => ({
              backup_id: backup.id,
              destination: keyText(copy.destination),
              url: copy.url,
              manifest_key: copy.manifestKey,
              state: copy.state,
            })),
          )
          .execute()
      step.add(totals.backups, 1)
      step.add(totals.storedBytes, backup.storedBytes)
    },
  }
}

/** Debris inside a step. */
export function debrisWrites(step: Step): WriteTx['debris'] {
  return {
    put: async debris => {
      const row = { delete_job_id: debris.deleteJobId ?? null, found_at: debris.foundAt, ...encode(debris) }
      await step.q
        .insertInto('debris')
        .values({ attempt_id: debris.attemptId, ...row })
        .onConflict(oc => oc.column('attempt_id').doUpdateSet(row))
        .execute()
    },
    get: async id => {
      const row = await step.q
        .selectFrom('debris')
        .select('record')
        .where('attempt_id', '=', id)
        .executeTakeFirst()
      return row && decodeDebris(id, row)
    },
    remove: async id => {
      await step.q.deleteFrom('debris').where('attempt_id', '=', id).execute()
    },
    ofJob: async id => {
      const rows = await step.q
        .selectFrom('debris')
        .select(['attempt_id', 'record'])
        .where('delete_job_id', '=', id)
        .orderBy('attempt_id')
        .execute()
      return rows.map(row => decodeDebris(row.attempt_id, row))
    },
  }
}
