import { failureToWire } from '../../../shared/wire/failure.ts'
import type { Backup as WireBackup } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { JobSubject } from '../../jobs/job.ts'
import type { BackupRecord } from '../../store/records.ts'
import type { Names } from './naming.ts'

/** A backup and where its copies lie. */
export async function backupToWire(backup: BackupRecord, names: Names): Promise<WireBackup> {
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
  }
}

/** What it is a backup of. */
export function subjectOf(backup: Omit<BackupRecord, 'manifest' | 'copies'>): JobSubject {
  const [databaseId] = backup.databaseIds
  return backup.scope === 'cluster' || databaseId === undefined
    ? { scope: 'cluster', clusterId: backup.clusterId }
    : { scope: 'database', clusterId: backup.clusterId, databaseId }
}
