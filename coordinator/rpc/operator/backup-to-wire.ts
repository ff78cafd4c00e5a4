import type { Duration } from '../../../shared/time/index.ts'
import { failureToWire } from '../../../shared/wire/failure.ts'
import type { Backup as WireBackup } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { JobSubject } from '../../jobs/job.ts'
import { keptUntil, type RetentionVerdict } from '../../retention/index.ts'
import type { BackupRecord, DeletedBackupRecord } from '../../store/records.ts'
import type { Names } from './naming.ts'

/** What is told of how long a backup stays. */
export interface Staying {
  /** How long what nothing keeps waits until it goes. */
  readonly grace: Duration
  /** Why it stays, where that was looked at. */
  readonly verdict?: RetentionVerdict | undefined
}

/** A backup and where its copies lie. */
export async function backupToWire(
  backup: BackupRecord,
  names: Names,
  staying: Staying,
): Promise<WireBackup> {
  return {
    backupId: backup.id,
    databaseId: backup.databaseIds[0] ?? '',
    clusterId: backup.clusterId,
    subjectName: await names.subject(subjectOf(backup)),
    scope: backup.scope,
    engine: backup.engine,
    dataAsOf: backup.dataAsOf,
    startedAt: backup.startedAt,
    committedAt: backup.committedAt,
    recordedAt: backup.recordedAt,
    rawBytes: backup.rawBytes,
    storedBytes: backup.storedBytes,
    jobId: backup.jobId ?? '',
    attemptId: backup.attemptId,
    surplus: backup.surplus,
    backupClass: backup.backupClass,
    copies: backup.copies.map(copy => ({
      destination: copy.destination,
      url: copy.url,
      manifestKey: copy.manifestKey,
      state: copy.state,
      verifiedAt: copy.state === 'present' ? (copy.verifiedAt ?? 0) : 0,
      missingSince: copy.state === 'present' ? 0 : copy.since,
      failure:
        copy.state === 'present' || copy.failure === undefined ? undefined : failureToWire(copy.failure),
      jobId: copy.state === 'present' ? '' : (copy.jobId ?? ''),
    })),
    manifestSha256: backup.manifestSha256,
    agentId: backup.agentId,
    serverVersion: backup.serverVersion,
    ...stayingToWire(backup, staying),
    verification: backup.verification && { ...backup.verification },
  }
}

/** What is remembered of a backup that is gone. */
export async function deletedToWire(
  { deletedAt, leftBehind: _, ...rest }: DeletedBackupRecord,
  names: Names,
): Promise<WireBackup> {
  const backup = { ...rest, manifest: new Uint8Array(0), copies: [] }
  return { ...(await backupToWire(backup, names, { grace: 0 })), deletedAt }
}

function stayingToWire(
  { hold, expiry, deletion }: BackupRecord,
  { grace, verdict }: Staying,
): Pick<
  WireBackup,
  | 'hold'
  | 'expiredSince'
  | 'expiresAt'
  | 'deletingSince'
  | 'deletedAt'
  | 'deletedBy'
  | 'deletedFor'
  | 'keptBy'
> {
  const kept = keptUntil(verdict?.reasons ?? [])
  const goes = expiry === undefined ? kept : expiry.since
  return {
    hold: hold === undefined ? undefined : { ...hold, until: hold.until ?? 0 },
    expiredSince: expiry?.since ?? 0,
    expiresAt: deletion !== undefined || goes === undefined ? 0 : goes + grace,
    deletingSince: deletion?.since ?? 0,
    deletedAt: 0,
    deletedBy: deletion?.by ?? '',
    deletedFor: deletion === undefined ? '' : deletion.rule === '' ? deletion.reason : deletion.rule,
    keptBy: (verdict?.reasons ?? []).map(each => each.code),
  }
}

/** What it is a backup of. */
export function subjectOf(backup: Omit<BackupRecord, 'manifest' | 'copies'>): JobSubject {
  const [databaseId] = backup.databaseIds
  return backup.scope === 'cluster' || databaseId === undefined
    ? { scope: 'cluster', clusterId: backup.clusterId }
    : { scope: 'database', clusterId: backup.clusterId, databaseId }
}
