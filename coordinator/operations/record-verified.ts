import { AppError, type Failure } from '../../shared/errors/index.ts'
import type { Now } from '../../shared/time/index.ts'
import type { Job } from '../jobs/job.ts'
import type { WriteTx } from '../store/port.ts'
import {
  type AttemptRecord,
  type BackupRecord,
  type DatabaseRecord,
  type Verdict,
  verdicts,
} from '../store/records.ts'
import { isBad, isBadVerdict, withJudgement } from '../verification/index.ts'
import { applyJobEvent } from './apply-job-event.ts'
import { changeDatabaseState } from './database-state.ts'
import { fallBack, feedAgain } from './leaving.ts'
import { noteWarnings } from './note-warnings.ts'
import type { Disposition, ReportedResult, ReportedVerification } from './result.ts'
import { afterCommit, type Term } from './term.ts'

/** Of what differs, in one line. */
const longestDetail = 300

/**
 * Records what a restore showed of a backup (P5), whatever became of the job that tried it: the judgement with its
 * audit, the backup's mark, the proof and the RPO clock of its database, in one transaction. A bad backup ends its job
 * failed, for good: to try the same bytes again would show the same.
 */
export async function recordVerified(
  tx: WriteTx,
  row: AttemptRecord,
  job: Job,
  result: ReportedResult,
  report: ReportedVerification,
  now: Now,
  term: Term,
): Promise<Disposition> {
  const ref = { attemptId: row.id, epoch: row.epoch, agentId: row.agentId }
  const { order } = job
  const verdict = verdicts.find(each => each === report.verdict)
  if (order.kind !== 'verify' || result.kind !== 'verify')
    return { kind: 'rejected', reason: 'kind-differs', security: false }
  if (verdict === undefined) {
    const failure = new AppError('internal', {
      message: `the agent told of a verdict that is not known here: ${report.verdict}`,
      hint: 'Upgrade the coordinator: coordinators come before their agents.',
    }).toFailure()
    await applyJobEvent(tx, job.id, { kind: 'failed', ref, failure }, now, term)
    return { kind: 'rejected', reason: 'unknown-verdict', security: false }
  }
  const backup = await tx.backups.get(order.backupId)
  const [databaseId] = backup?.databaseIds ?? []
  const database = databaseId === undefined ? undefined : await tx.databases.get(databaseId)
  const detail = detailOf(verdict, report)
  if (backup !== undefined && database !== undefined)
    await record(tx, { backup, database, verdict, report, detail }, row, now, term)
  await noteWarnings(tx, job.id, result.warnings, now)
  const applied = await applyJobEvent(
    tx,
    job.id,
    isBadVerdict(verdict)
      ? { kind: 'failed', ref, failure: failureOf(verdict, report, detail, order.backupId) }
      : { kind: 'succeeded', ref },
    now,
    term,
  )
  return { kind: 'recorded', reason: applied.kind === 'accepted' ? '' : 'stale' }
}

interface Judged {
  readonly backup: BackupRecord
  readonly database: DatabaseRecord
  readonly verdict: Verdict
  readonly report: ReportedVerification
  readonly detail: string
}

async function record(
  tx: WriteTx,
  { backup, database, verdict, report, detail }: Judged,
  row: AttemptRecord,
  now: Now,
  term: Term,
): Promise<void> {
  const { restoreMs, totalMs, serverVersion, tables, rows, rawBytes, differences, differenceCount, failure } =
    report
  const at = now.wall
  await tx.verifications.append({
    id: row.id,
    jobId: row.jobId,
    backupId: backup.id,
    databaseId: database.id,
    clusterId: backup.clusterId,
    agentId: row.agentId,
    subjectName: backup.subjectName,
    engine: backup.engine,
    at,
    verdict,
    ...{ restoreMs, totalMs, serverVersion, tables, rows, rawBytes, differences, differenceCount },
    ...(failure === undefined ? {} : { failure }),
  })
  const marked = { ...backup, verification: { at, verdict, restoreMs, detail } }
  await tx.backups.keep(marked)
  const was = isBad(backup)
  const is = isBad(marked)
  await tx.audit.append({
    at,
    class: 'history',
    actor: `agent:${row.agentId}`,
    action: is ? 'backup.found-bad' : was ? 'backup.cleared' : 'backup.verified',
    subject: backup.id,
    reason: '',
    detail: {
      of: backup.subjectName,
      verdict,
      attempt_id: row.id,
      restore_ms: restoreMs,
      ...(is ? { what: detail } : { tables, rows }),
    },
  })
  await tx.counters.add(`verifications.${verdict}`, 1)
  const { id: backupId, dataAsOf } = backup
  await changeDatabaseState(
    tx,
    database.id,
    state => ({
      ...state,
      verification: withJudgement(state.verification, { at, verdict, backupId, dataAsOf, restoreMs, detail }),
    }),
    now,
    term,
  )
  if (is && !was) await fallBack(tx, marked, now, term)
  if (was && !is) await feedAgain(tx, marked, now, term)
  afterCommit(term, tx, () => {
    term.meter.verified(backup.engine, verdict, restoreMs)
    term.log[is ? 'error' : 'info'](is ? 'a backup was found bad' : 'backup verified', {
      job_id: row.jobId,
      attempt_id: row.id,
      agent_id: row.agentId,
      backup_id: backup.id,
      subject: backup.subjectName,
      verdict,
      duration_ms: restoreMs,
      ...(is ? { detail } : {}),
    })
  })
}

/** What is wrong, in a line; empty of a good one. */
function detailOf(verdict: Verdict, { differences, differenceCount, failure }: ReportedVerification): string {
  if (!isBadVerdict(verdict)) return ''
  const text =
    verdict === 'unrestorable'
      ? (failure?.message ?? 'the agent did not say why')
      : `${differenceCount} ${differenceCount === 1 ? 'difference' : 'differences'}, first ${differences[0] ?? 'not told'}`
  return (text.split('\n')[0] ?? '').slice(0, longestDetail)
}

function failureOf(
  verdict: Verdict,
  { differenceCount, failure }: ReportedVerification,
  detail: string,
  backupId: string,
): Failure {
  return new AppError(verdict === 'differs' ? 'verify.differs' : 'verify.unrestorable', {
    message: verdict === 'differs' ? `the backup is not what its census says: ${detail}` : detail,
    context: {
      backup_id: backupId,
      ...(verdict === 'differs' ? { differences: differenceCount } : {}),
      ...(failure === undefined ? {} : { code: failure.code }),
    },
  }).toFailure()
}
