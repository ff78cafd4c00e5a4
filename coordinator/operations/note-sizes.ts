import type { Millis } from '../../shared/time/index.ts'
import { keyOf } from '../alerts/rules/keys.ts'
import { sizeAnomaly } from '../alerts/rules/size-anomaly.ts'
import type { WriteTx } from '../store/port.ts'
import type { BackupRecord, DatabaseRecord, DatabaseStateRecord } from '../store/records.ts'
import { aboutDatabase } from './about.ts'
import { policyOf } from './subject.ts'
import { tellFact } from './tell-fact.ts'
import type { Term } from './term.ts'

/**
 * What a recorded backup says to people: whether its size is unusual against those before it, and, where the policy
 * asks for it, that it succeeded.
 *
 * @param before the database's state before this backup
 */
export async function noteSizes(
  tx: WriteTx,
  backup: BackupRecord,
  database: DatabaseRecord,
  before: DatabaseStateRecord | undefined,
  now: Millis,
  term: Term,
): Promise<void> {
  const anomaly = sizeAnomaly(
    backup,
    { rawBytes: before?.recentRawBytes ?? [], storedBytes: before?.recentStoredBytes ?? [] },
    term.settings.alerts.size,
  )
  if (anomaly !== undefined || term.alerts.get(keyOf.sizeAnomaly(database.id)) !== undefined)
    await tellFact(
      tx,
      {
        kind: 'size',
        databaseId: database.id,
        name: backup.subjectName,
        backupId: backup.id,
        ...(anomaly === undefined ? {} : { anomaly }),
        about: aboutDatabase(database, term),
      },
      now,
      term,
    )
  if (backup.surplus || backup.jobId === undefined || policyOf(database, term)?.tellSuccess !== true) return
  await tellFact(
    tx,
    {
      kind: 'backup-succeeded',
      jobId: backup.jobId,
      backupId: backup.id,
      subjectName: backup.subjectName,
      storedBytes: backup.storedBytes,
      about: aboutDatabase(database, term),
    },
    now,
    term,
  )
}
