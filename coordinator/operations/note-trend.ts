import type { Millis } from '../../shared/time/index.ts'
import { keyOf } from '../alerts/rules/keys.ts'
import { outgrowing } from '../alerts/rules/outgrowing.ts'
import type { WriteTx } from '../store/port.ts'
import type { BackupRecord, DatabaseRecord, DatabaseStateRecord } from '../store/records.ts'
import { outgrowsAt, remember, timeAllowed, trendOf } from '../trends/index.ts'
import { aboutDatabase } from './about.ts'
import { nameOf, policyOf } from './subject.ts'
import { tellFact } from './tell-fact.ts'
import type { Term } from './term.ts'

/**
 * Adds a backup to the history of its database.
 *
 * @returns what the history says now, and what comes of it under the policy of now: judged with each backup, since
 * the windows of every database at every tick would be too much
 */
export async function keepHistory(
  tx: WriteTx,
  backup: BackupRecord,
  database: DatabaseRecord,
  term: Term,
): Promise<Pick<DatabaseStateRecord, 'trend' | 'allowedMs' | 'outgrowsAt'>> {
  const before = await tx.databases.history(database.id)
  const samples = remember(before?.samples ?? [], {
    at: backup.startedAt,
    rawBytes: backup.rawBytes,
    storedBytes: backup.storedBytes,
    durationMs: Math.max(0, backup.committedAt - backup.startedAt),
  })
  await tx.databases.putHistory({ ...before, databaseId: database.id, samples })
  const trend = trendOf(samples)
  const policy = policyOf(database, term)
  if (trend === undefined) return {}
  if (policy === undefined) return { trend }
  const allowedMs = timeAllowed(policy, trend.to)
  const at = outgrowsAt(trend, allowedMs)
  return { trend, allowedMs, ...(at === undefined ? {} : { outgrowsAt: at }) }
}

/** Tells people when the backups of a database will soon take longer than its policy allows, and when no more. */
export async function noteOutgrowing(
  tx: WriteTx,
  database: DatabaseRecord,
  now: Millis,
  term: Term,
): Promise<void> {
  const state = await tx.databases.state(database.id)
  const told = term.alerts.get(keyOf.outgrows(database.id)) !== undefined
  const soon = outgrowing(state, told, now, term.settings.alerts.outgrow)
  if (soon === undefined && !told) return
  await tellFact(
    tx,
    {
      kind: 'outgrowing',
      databaseId: database.id,
      name: nameOf(database, term.fleet),
      ...(soon === undefined ? {} : { soon }),
      about: aboutDatabase(database, term),
    },
    now,
    term,
  )
}
