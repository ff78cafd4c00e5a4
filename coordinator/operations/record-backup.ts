import { AppError } from '../../shared/errors/index.ts'
import { type AgentId, isId } from '../../shared/model/identifiers.ts'
import type { Now } from '../../shared/time/index.ts'
import { withSample } from '../alerts/rules/baseline.ts'
import type { Job } from '../jobs/job.ts'
import { withGood } from '../protection/expected-runs.ts'
import type { WriteTx } from '../store/port.ts'
import type { AttemptRecord, BackupRecord, DatabaseRecord } from '../store/records.ts'
import type { CheckedManifest } from './check-manifest.ts'
import { copiesOf, wantedBy } from './copies.ts'
import { correctedDataAsOf } from './data-as-of.ts'
import { changeDatabaseState } from './database-state.ts'
import { noteSizes } from './note-sizes.ts'
import { keepHistory, noteOutgrowing } from './note-trend.ts'
import type { ReportedResult } from './result.ts'
import { lastGood, runsCounted } from './run-rates.ts'
import { databaseOf, nameOf, policyOf } from './subject.ts'
import { afterCommit, type Term } from './term.ts'

/** A checked backup and where it came from: an attempt of ours, or one this store knows nothing of. */
export type FoundBackup = CheckedManifest & {
  readonly surplus: boolean
  readonly result: ReportedResult
} & (
    | { readonly row: AttemptRecord; readonly job: Job }
    | { readonly database: DatabaseRecord; readonly agentId: AgentId }
  )

/** Lists a checked backup (J5) and lets it feed the RPO clock of its database, surplus or not (J7, P1). */
export async function recordBackup(tx: WriteTx, found: FoundBackup, now: Now, term: Term): Promise<void> {
  const { manifest, sha256, surplus, result } = found
  const database = 'row' in found ? databaseOf(found.job.subject, term.fleet) : found.database
  const agentId = 'row' in found ? found.row.agentId : found.agentId
  const backupId = manifest.backup_id
  const attemptId = manifest.attempt_id
  if (database === undefined || !isId('backup', backupId) || !isId('attempt', attemptId))
    throw new AppError('internal', { message: 'a backup was to be recorded that was not checked' })
  const replica = term.fleet
    .instancesOf(database.clusterId)
    .some(each => each.agentId === agentId && each.role === 'replica')
  const dataAsOf = correctedDataAsOf({
    dataAsOf: manifest.data_as_of,
    // the server's clock against its host's, the host's against ours
    clockOffsetMs: (term.live.record(agentId)?.clockOffsetMs ?? 0) - manifest.clock_offset_ms,
    assignedAt: 'row' in found ? found.row.assignedAt : 0,
    receivedAt: now.wall,
    replica,
  })
  const backup: BackupRecord = {
    id: backupId,
    scope: manifest.scope,
    clusterId: database.clusterId,
    databaseIds: [database.id],
    subjectName: nameOf(database, term.fleet),
    engine: manifest.engine.kind,
    serverVersion: manifest.engine.server_version,
    ...('row' in found ? { jobId: found.job.id } : {}),
    attemptId,
    agentId,
    dataAsOf,
    startedAt: manifest.started_at,
    committedAt: manifest.committed_at,
    recordedAt: now.wall,
    rawBytes: Number(manifest.raw_bytes),
    storedBytes: Number(manifest.stored_bytes),
    backupClass: manifest.class,
    surplus,
    manifest: result.manifest,
    manifestSha256: sha256,
    copies: copiesOf(result, wantedBy(policyOf(database, term)), now.wall, term),
  }
  const duration = Math.max(0, backup.committedAt - backup.startedAt)
  await tx.backups.insert(backup)
  await tx.audit.append({
    at: now.wall,
    class: 'history',
    actor: `agent:${agentId}`,
    action: surplus ? 'backup.recorded-surplus' : 'backup.recorded',
    subject: backup.id,
    reason: '',
    detail: {
      attempt_id: attemptId,
      manifest_sha256: sha256,
      ...(found.signedBy === undefined ? {} : { signed_by: found.signedBy }),
      data_as_of: dataAsOf,
      stored_bytes: backup.storedBytes,
    },
  })
  await tx.counters.add(surplus ? 'backups.surplus' : 'backups.recorded', 1)
  afterCommit(term, tx, () => {
    term.meter.backupRecorded(backup)
    term.log.info(surplus ? 'surplus backup recorded' : 'backup recorded', {
      job_id: result.jobId,
      attempt_id: attemptId,
      agent_id: agentId,
      backup_id: backup.id,
      subject: backup.subjectName,
      raw_bytes: backup.rawBytes,
      stored_bytes: backup.storedBytes,
    })
  })
  const before = await tx.databases.state(database.id)
  const newest = before?.lastDataAsOf === undefined || before.lastDataAsOf <= dataAsOf
  if (newest) await noteSizes(tx, backup, database, before, now.wall, term)
  const outlook = newest ? await keepHistory(tx, backup, database, term) : {}
  afterCommit(term, tx, () => term.outcomes.note(result.destination, { subject: database.id, at: now.wall }))
  await changeDatabaseState(
    tx,
    database.id,
    state => {
      // a replica that lags has data from before the instant it was backed up for
      const madeFor = 'row' in found ? Math.max(dataAsOf, found.row.assignedAt) : dataAsOf
      const recentGood = withGood(state.recentGood ?? lastGood(state), madeFor, now.wall - runsCounted)
      const counted = { ...state, backups: state.backups + 1, recentGood }
      // an older snapshot that arrives late never turns the clock back
      if (state.lastDataAsOf !== undefined && state.lastDataAsOf > dataAsOf) return counted
      const {
        lastFailure: _,
        failingSince: _____,
        lastAssignedAt: __,
        allowedMs: ___,
        outgrowsAt: ____,
        ...fresh
      } = counted
      return {
        ...fresh,
        consecutiveFailures: 0,
        lastBackupId: backup.id,
        lastDataAsOf: dataAsOf,
        ...('row' in found ? { lastAssignedAt: found.row.assignedAt } : {}),
        lastRawBytes: backup.rawBytes,
        lastStoredBytes: backup.storedBytes,
        lastDurationMs: duration,
        recentDurations: withSample(state.recentDurations, duration),
        recentRawBytes: withSample(state.recentRawBytes, backup.rawBytes),
        recentStoredBytes: withSample(state.recentStoredBytes, backup.storedBytes),
        ...outlook,
      }
    },
    now,
    term,
  )
  if (newest) await noteOutgrowing(tx, database, now.wall, term)
}
