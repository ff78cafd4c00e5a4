import { AppError, type Failure } from '../../shared/errors/index.ts'
import type { Now } from '../../shared/time/index.ts'
import type { JobEvent } from '../jobs/event.ts'
import { attemptOf, isEnded, type Job, subjectKey } from '../jobs/job.ts'
import { nextDue } from '../policy/index.ts'
import type { WriteTx } from '../store/port.ts'
import type { DatabaseRecord, DatabaseStateRecord } from '../store/records.ts'
import { withoutJudgement } from '../verification/index.ts'
import { aboutSubject } from './about.ts'
import { noteFailedCopy } from './copies.ts'
import { changeDatabaseState } from './database-state.ts'
import { databaseOf, policyOf, subjectName } from './subject.ts'
import { tellFact } from './tell-fact.ts'
import { afterCommit, type Term } from './term.ts'

/** A change of a job that was just written. */
export interface JobChange {
  readonly before: Job
  readonly job: Job
  readonly event: JobEvent
  readonly now: Now
}

/** What follows a job's change in the same transaction: database state, counters, alerts, its explanation. */
export async function noteJobChange(tx: WriteTx, change: JobChange, term: Term): Promise<void> {
  const { before, job, now } = change
  await explain(tx, change, term)
  if (job.kind === 'backup') await noteBackupJob(tx, change, term)
  if (!isEnded(job.state) || isEnded(before.state)) return
  await noteFailedCopy(tx, job, now.wall, term)
  if (job.kind === 'verify') await noteVerifyJob(tx, job, now, term)
  await tx.counters.add(`jobs.${job.state.kind}.${job.kind}`, 1)
  const about = {
    jobKind: job.kind,
    subject: subjectKey(job.subject),
    subjectName: subjectName(job.kind, job.subject, term.fleet),
  }
  // what a verification found, and that none could be made, has alerts of its own
  if (job.kind === 'verify') return
  if (job.state.kind === 'failed')
    await tellFact(
      tx,
      {
        kind: 'job-failed-finally',
        jobId: job.id,
        code: job.state.failure.code,
        message: job.state.failure.message,
        ...about,
        about: aboutSubject(job.subject, term),
      },
      now.wall,
      term,
    )
  if (job.state.kind === 'succeeded') await tellFact(tx, { kind: 'job-succeeded', ...about }, now.wall, term)
}

/** A verification that ended without a judgement: tried again later, by another job. */
async function noteVerifyJob(tx: WriteTx, { subject, state }: Job, now: Now, term: Term): Promise<void> {
  const database = databaseOf(subject, term.fleet)
  if (database === undefined || (state.kind !== 'failed' && state.kind !== 'cancelled')) return
  const failure = state.kind === 'failed' ? state.failure : new AppError('job.cancelled').toFailure()
  if (failure.code === 'verify.differs' || failure.code === 'verify.unrestorable') return
  await changeDatabaseState(
    tx,
    database.id,
    before => ({ ...before, verification: withoutJudgement(before.verification, failure, now.wall) }),
    now,
    term,
  )
}

async function noteBackupJob(tx: WriteTx, change: JobChange, term: Term): Promise<void> {
  const { job, now } = change
  const database = databaseOf(job.subject, term.fleet)
  if (database === undefined) return
  const failure = failureIn(change)
  const destination = policyOf(database, term)?.destination
  if (failure?.code.startsWith('object-store.') && destination !== undefined)
    afterCommit(term, tx, () =>
      term.outcomes.note(destination, { subject: database.id, at: now.wall, code: failure.code }),
    )
  await changeDatabaseState(
    tx,
    database.id,
    state => ({
      ...openJob(state, job),
      ...(failure === undefined
        ? {}
        : {
            consecutiveFailures: state.consecutiveFailures + 1,
            lastFailure: failure,
            ...failingSince(state, now),
          }),
      // a person who cancels does not want the next one at once
      ...(job.state.kind === 'cancelled' ? { lastFailure: new AppError('job.cancelled').toFailure() } : {}),
      ...(job.state.kind === 'failed' || job.state.kind === 'cancelled'
        ? { nextDueAt: dueWithoutBackup(state, database, now, term) }
        : {}),
    }),
    now,
    term,
  )
}

/** A row of failures that an earlier version began has no beginning that is known. */
function failingSince(state: DatabaseStateRecord, now: Now): Pick<DatabaseStateRecord, 'failingSince'> {
  if (state.failingSince !== undefined) return { failingSince: state.failingSince }
  return state.consecutiveFailures === 0 ? { failingSince: now.wall } : {}
}

/** The failure of the attempt that this event ended, if it did. */
function failureIn({ before, job, event }: JobChange): Failure | undefined {
  if (event.kind === 'cancel' || event.kind === 'stopped' || before.state.kind === 'cancelling')
    return undefined
  if (job.state.kind === 'failed') return job.state.failure
  return job.state.kind === 'queued' ? job.state.lastFailure : undefined
}

function openJob(state: DatabaseStateRecord, job: Job): DatabaseStateRecord {
  if (!isEnded(job.state)) return { ...state, openJobId: job.id }
  const { openJobId, ...rest } = state
  return openJobId === undefined || openJobId === job.id ? rest : state
}

/** A database whose job ended without a backup is due again after its longest back-off, not at once. */
function dueWithoutBackup(
  state: DatabaseStateRecord,
  database: DatabaseRecord,
  now: Now,
  term: Term,
): number {
  const policy = policyOf(database, term)
  if (policy === undefined) return now.wall
  return nextDue({
    policy,
    firstSeenAt: state.clockFrom,
    lastAttemptAt: now.wall,
    ...(state.lastDataAsOf === undefined ? {} : { lastDataAsOf: state.lastDataAsOf }),
    ...(state.lastAssignedAt === undefined ? {} : { lastAssignedAt: state.lastAssignedAt }),
  })
}

async function explain(tx: WriteTx, { before, job, event, now }: JobChange, term: Term): Promise<void> {
  const attempt = attemptOf(job.state) ?? attemptOf(before.state)
  const failure =
    job.state.kind === 'failed'
      ? job.state.failure
      : job.state.kind === 'queued'
        ? job.state.lastFailure
        : undefined
  const host = attempt === undefined ? '' : (term.live.record(attempt.agentId)?.hostname ?? attempt.agentId)
  await tx.decisions.append([
    {
      jobId: job.id,
      at: now.wall,
      kind: 'transition',
      subject: host,
      code: failure?.code ?? event.kind,
      text: `${event.kind}: ${before.state.kind} → ${job.state.kind}${failure === undefined ? '' : `, ${failure.message}`}`,
      numbers: {
        ...(attempt === undefined ? {} : { epoch: attempt.epoch }),
        attempts: job.attempts,
        ...(job.state.kind === 'queued' ? { not_before: job.state.notBefore } : {}),
      },
    },
  ])
}
