import type { Now } from '../../shared/time/index.ts'
import type { Actor, Job, JobOrder, JobSubject, RetryRule } from '../jobs/job.ts'
import type { WriteTx } from '../store/port.ts'
import type { DecisionRecord } from '../store/records.ts'
import { actorText } from './apply-job-event.ts'
import { changeDatabaseState } from './database-state.ts'
import { databaseOf, subjectName } from './subject.ts'
import { afterCommit, type Term } from './term.ts'

/** What a new job is made of. */
export interface NewJob {
  readonly order: JobOrder
  readonly subject: JobSubject
  readonly dueSlot: string
  readonly dueAt: number
  readonly origin: Job['origin']
  readonly requestedBy: Actor
  readonly reason: string
  readonly policy?: { readonly name: string; readonly version: string }
  readonly retry: RetryRule
  /** Why it exists: the first line of `job explain`. */
  readonly decision: Pick<DecisionRecord, 'code' | 'text' | 'numbers'>
}

/**
 * The door by which jobs come into being. J9: an open job of the same kind, subject and slot is returned instead
 * of a second one. One audit event for a new job, none otherwise (J8).
 */
export async function createJob(
  tx: WriteTx,
  wanted: NewJob,
  now: Now,
  term: Term,
): Promise<{ readonly job: Job; readonly inserted: boolean }> {
  const { decision, ...rest } = wanted
  const made = await tx.jobs.insert({
    ...rest,
    id: term.newId('job'),
    kind: wanted.order.kind,
    createdAt: now.wall,
    epoch: 0,
    attempts: 0,
    state: { kind: 'queued', notBefore: now.wall },
  })
  if (!made.inserted) return made
  const { job } = made
  await tx.audit.append({
    at: now.wall,
    class: 'history',
    actor: actorText(job.requestedBy),
    action: 'job.created',
    subject: job.id,
    reason: job.reason,
    detail: { kind: job.kind, due_slot: job.dueSlot, due_at: job.dueAt, origin: job.origin },
  })
  await tx.decisions.append([{ jobId: job.id, at: now.wall, kind: 'created', subject: '', ...decision }])
  await tx.counters.add(`jobs.created.${job.kind}`, 1)
  const database = job.kind === 'backup' ? databaseOf(job.subject, term.fleet) : undefined
  if (database !== undefined)
    await changeDatabaseState(tx, database.id, state => ({ ...state, openJobId: job.id }), now, term)
  afterCommit(term, tx, () => {
    term.log.info('job created', {
      job_id: job.id,
      kind: job.kind,
      subject: subjectName(job.kind, job.subject, term.fleet),
      origin: job.origin,
      reason: decision.code,
    })
    term.jobs.set(job)
    term.views.changed(job)
    term.wakePlanner()
  })
  return made
}
