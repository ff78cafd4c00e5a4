import { AppError } from '../../shared/errors/index.ts'
import { type AgentId, type AttemptId, isId, type JobId } from '../../shared/model/identifiers.ts'
import type { Now } from '../../shared/time/index.ts'
import type { AttemptRef } from '../jobs/event.ts'
import type { Job } from '../jobs/job.ts'
import type { WriteTx } from '../store/port.ts'
import type { AttemptRecord } from '../store/records.ts'
import { applyJobEvent } from './apply-job-event.ts'
import { isManifestKey } from './attempt-keys.ts'
import { type CheckedManifest, differs, isNewerManifest, readManifest } from './check-manifest.ts'
import { checkSignature } from './check-signature.ts'
import { settleDebris } from './debris.ts'
import { settleDeleted } from './delete-leaving.ts'
import { noteHooks } from './note-hooks.ts'
import { noteWarnings } from './note-warnings.ts'
import { recordBackup } from './record-backup.ts'
import { recordCopied } from './record-copied.ts'
import type { Disposition, ReportedResult } from './result.ts'
import { databaseOf, policyOf } from './subject.ts'
import type { Term } from './term.ts'

type KnownResult = ReportedResult & { readonly jobId: JobId; readonly attemptId: AttemptId }

/** A success of an attempt we made: a backup is checked (J5) and recorded whatever became of its job (J7). */
export async function recordSuccess(
  tx: WriteTx,
  row: AttemptRecord,
  result: KnownResult,
  now: Now,
  term: Term,
): Promise<Disposition> {
  const job = await tx.jobs.get(row.jobId)
  if (job === undefined) return { kind: 'rejected', reason: 'unknown-job', security: true }
  const ref: AttemptRef = { attemptId: row.id, epoch: row.epoch, agentId: row.agentId }
  if (job.kind === 'copy') return recordCopied(tx, row, job, result, now, term)
  if (job.kind === 'verify') return withoutReport(tx, job, ref, now, term)
  if (job.kind !== 'backup') return recordGuarded(tx, job, ref, result, now, term)
  const problem = await admit(tx, job, row, result, now, term)
  if (typeof problem === 'string')
    return refuseManifest(tx, row, ref, { problem, manifest: result.manifest }, now, term)
  const { manifest, sha256, signedBy } = problem
  if (!isId('backup', manifest.backup_id)) throw new AppError('internal')
  const applied = await applyJobEvent(
    tx,
    job.id,
    { kind: 'succeeded', ref, backupId: manifest.backup_id },
    now,
    term,
  )
  const surplus = applied.kind !== 'accepted'
  const { failure: _, ...good } = (await tx.attempts.get(row.id)) ?? row
  await tx.attempts.update({ ...good, endedAt: good.endedAt ?? now.wall, outcome: 'succeeded' })
  await tx.debris.remove(row.id)
  await recordBackup(
    tx,
    { manifest, sha256, ...(signedBy === undefined ? {} : { signedBy }), surplus, row, job, result },
    now,
    term,
  )
  await notePlaintext(tx, job, manifest, row.agentId, now, term)
  await noteHooks(tx, row, job, result.hooks, now, term)
  return surplus
    ? { kind: 'surplus', reason: applied.kind === 'refused' ? applied.reason : '' }
    : { kind: 'recorded', reason: '' }
}

/**
 * A good backup of an attempt this store knows nothing of, as after the store was put back from a copy (facts
 * A5): owned as surplus when cluster, database and agent are known here, so that it is not lost (J7).
 */
export async function recordAdopted(
  tx: WriteTx,
  agentId: AgentId,
  result: KnownResult,
  now: Now,
  term: Term,
): Promise<Disposition> {
  const rejected = (reason: string) => ({ kind: 'rejected', reason, security: true }) as const
  if ((await tx.jobs.get(result.jobId)) !== undefined) return rejected('unknown-attempt')
  const read = readManifest(result.manifest)
  if (typeof read === 'string' || !isId('backup', read.manifest.backup_id)) return rejected('unknown-attempt')
  const { manifest } = read
  const backupId = read.manifest.backup_id
  const signature = checkSignature(result.manifest, await tx.identities.keysOf(agentId), now.wall)
  if (typeof signature === 'string') return rejected('signature')
  const database =
    manifest.scope === 'cluster'
      ? [...term.fleet.clusters()]
          .map(each => term.fleet.globalsOf(each.id)?.record)
          .find(each => each?.clusterId === manifest.cluster.id)
      : [...term.fleet.databases()].find(each => each.record.id === manifest.databases[0]?.id)?.record
  const serves = term.fleet.instancesOfAgent(agentId).some(each => each.clusterId === database?.clusterId)
  if (
    database === undefined ||
    !serves ||
    !term.settings.destinations.has(result.destination) ||
    !isManifestKey(result.manifestKey, result.attemptId) ||
    differs(manifest, {
      attemptId: result.attemptId,
      jobId: result.jobId,
      epoch: result.epoch,
      agentId,
      scope: database.scope,
      clusterId: database.clusterId,
      ...(database.scope === 'database' ? { databaseId: database.id } : {}),
    }) !== undefined ||
    (await tx.backups.get(backupId)) !== undefined ||
    (await tx.backups.byAttempt(result.attemptId)) !== undefined ||
    (await tx.backups.buriedByAttempt(result.attemptId)) !== undefined
  )
    return rejected('unknown-attempt')
  await recordBackup(tx, { ...read, ...signature, surplus: true, database, agentId, result }, now, term)
  return { kind: 'surplus', reason: 'unknown-attempt' }
}

/**
 * A backup in plaintext under a policy that now requires encryption. Agents refuse that before they start, so it
 * is an agent that broke its word, or a policy that changed while the dump ran. It is good and stays (J7); that
 * anybody who reads the bucket can read it is told in the job's story and as a security event of the audit.
 */
async function notePlaintext(
  tx: WriteTx,
  job: Job,
  manifest: CheckedManifest['manifest'],
  agentId: AgentId,
  now: Now,
  term: Term,
): Promise<void> {
  const database = databaseOf(job.subject, term.fleet)
  const policy = database === undefined ? undefined : policyOf(database, term)
  if (policy?.encryption?.required !== true || manifest.encryption.kind !== 'none') return
  const samePolicy = manifest.policy?.version === policy.version
  await noteWarnings(
    tx,
    job.id,
    [
      `stored in plaintext, and policy \`${policy.name}\` requires encryption${samePolicy ? '' : ' since the job was given out'}`,
    ],
    now,
  )
  await tx.audit.append({
    at: now.wall,
    class: 'security',
    actor: `agent:${agentId}`,
    action: 'backup.plaintext',
    subject: manifest.backup_id,
    reason: samePolicy ? 'encryption-required' : 'policy-changed',
    detail: { policy: policy.name, attempt_id: manifest.attempt_id },
  })
}

/** What is wrong with a reported backup, or its checked manifest. */
async function admit(
  tx: WriteTx,
  job: Job,
  row: AttemptRecord,
  result: KnownResult,
  now: Now,
  term: Term,
): Promise<CheckedManifest | string> {
  const read = readManifest(result.manifest)
  if (typeof read === 'string') return read
  const { manifest } = read
  const database = databaseOf(job.subject, term.fleet)
  if (database === undefined || job.subject.scope === 'destination') return 'its database is not known here'
  const wrong = differs(manifest, {
    attemptId: row.id,
    jobId: job.id,
    epoch: row.epoch,
    agentId: row.agentId,
    scope: job.subject.scope,
    clusterId: job.subject.clusterId,
    ...(job.subject.scope === 'database' ? { databaseId: job.subject.databaseId } : {}),
  })
  if (wrong !== undefined) return wrong
  if (!isManifestKey(result.manifestKey, row.id)) return 'the manifest key is not one of the attempt'
  // a destination that was taken out of the configuration meanwhile loses no backup (J7)
  if (result.destination === '' || result.destination.length > 200) return 'its destination has no name'
  if (!isId('backup', manifest.backup_id)) return 'backup_id is no backup id'
  if ((await tx.backups.get(manifest.backup_id)) !== undefined) return 'backup_id is taken'
  if ((await tx.backups.byAttempt(row.id)) !== undefined) return 'the attempt has a backup already'
  if ((await tx.backups.buriedByAttempt(row.id)) !== undefined) return 'its backup was deleted'
  const signature = checkSignature(result.manifest, await tx.identities.keysOf(row.agentId), now.wall)
  return typeof signature === 'string' ? signature : { ...read, ...signature }
}

/** A success whose manifest does not hold is none (P2): the attempt failed, the agent keeps the result apart. */
async function refuseManifest(
  tx: WriteTx,
  row: AttemptRecord,
  ref: AttemptRef,
  { problem, manifest }: { readonly problem: string; readonly manifest: Uint8Array },
  now: Now,
  term: Term,
): Promise<Disposition> {
  if ((await tx.backups.byAttempt(row.id)) === undefined)
    await applyJobEvent(
      tx,
      row.jobId,
      {
        kind: 'failed',
        ref,
        failure: new AppError(isNewerManifest(manifest) ? 'manifest.newer' : 'manifest.invalid', {
          message: problem,
          context: { attempt_id: row.id },
        }).toFailure(),
      },
      now,
      term,
    )
  return { kind: 'rejected', reason: `manifest: ${problem}`, security: false }
}

/** A verification that says it succeeded and not what it found proves nothing. */
async function withoutReport(
  tx: WriteTx,
  job: Job,
  ref: AttemptRef,
  now: Now,
  term: Term,
): Promise<Disposition> {
  const failure = new AppError('internal', {
    message: 'the agent reported a verification without saying what it found',
    hint: 'Look into the log of the agent.',
  }).toFailure()
  await applyJobEvent(tx, job.id, { kind: 'failed', ref, failure }, now, term)
  return { kind: 'rejected', reason: 'no-report', security: false }
}

/** A restore or a delete that ended well. A delete's debris is gone with it. */
async function recordGuarded(
  tx: WriteTx,
  job: Job,
  ref: AttemptRef,
  result: KnownResult,
  now: Now,
  term: Term,
): Promise<Disposition> {
  if (result.kind !== job.kind) return { kind: 'rejected', reason: 'kind-differs', security: false }
  const applied = await applyJobEvent(tx, job.id, { kind: 'succeeded', ref }, now, term)
  if (job.kind === 'delete') {
    for (const debris of await tx.debris.ofJob(job.id)) await settleDebris(tx, debris)
    await settleDeleted(tx, job, result.storedBytes, now, term)
  }
  await noteWarnings(tx, job.id, result.warnings, now)
  return { kind: 'recorded', reason: applied.kind === 'accepted' ? '' : 'stale' }
}
