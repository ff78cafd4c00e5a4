import { AppError } from '../../shared/errors/index.ts'
import { type DatabaseId, isId, type JobId } from '../../shared/model/identifiers.ts'
import { type Job, type Priority, subjectKey } from '../jobs/job.ts'
import { createJob } from './create-job.ts'
import { once } from './once.ts'
import { actorOf, covers, type Principal } from './principal.ts'
import { nameOf, policyOf, subjectOf } from './subject.ts'
import type { Term } from './term.ts'

/**
 * Starts a backup now. An open backup job of the database is returned instead of a second one (J9).
 *
 * @throws AppError `not-found`, `conflict` (gone, not connectable, no policy), `access.denied`
 */
export async function startBackup(
  principal: Principal,
  request: {
    readonly databaseId: DatabaseId
    readonly requestId: string
    readonly reason: string
    readonly priority?: Priority
  },
  term: Term,
): Promise<{ readonly job: Job; readonly existing: boolean }> {
  const { databaseId, requestId, reason, priority } = request
  const answer = await once(term, 'start-backup', requestId, { databaseId }, async tx => {
    const database = await tx.databases.get(databaseId)
    if (database === undefined || !covers(principal.scope, database.clusterId))
      throw new AppError('not-found', { message: `there is no database \`${databaseId}\`` })
    const name = nameOf(database, term.fleet)
    if (database.goneSince !== undefined)
      throw new AppError('conflict', {
        message: `${name} is gone from its server`,
        context: { database: name },
      })
    if (!database.connectable) throw new AppError('database.not-connectable', { context: { database: name } })
    const policy = policyOf(database, term)
    if (policy === undefined)
      throw new AppError('conflict', {
        message: `no policy matches ${name}`,
        hint: 'Add a policy whose selector matches it: it says where the backup goes.',
        context: { database: name },
      })
    const subject = subjectOf(database)
    const open = await tx.jobs.openFor('backup', subjectKey(subject))
    if (open !== undefined) return { jobId: open.id, existing: true }
    const now = term.clock.now()
    const { job, inserted } = await createJob(
      tx,
      {
        order: priority === undefined ? { kind: 'backup' } : { kind: 'backup', priority },
        subject,
        dueSlot: `manual/${requestId}`,
        dueAt: now.wall,
        origin: 'operator',
        requestedBy: actorOf(principal),
        reason,
        policy: { name: policy.name, version: policy.version },
        retry: policy.retry,
        decision: {
          code: 'requested',
          text: `asked for by ${principal.name}${priority === undefined ? '' : `, priority ${priority}`}`,
          numbers: {},
        },
      },
      now,
      term,
    )
    return { jobId: job.id, existing: !inserted }
  })
  return { job: await answered(answer.jobId, term), existing: answer.existing }
}

/** The job an answer names, as it is now. */
export async function answered(jobId: JobId, term: Term): Promise<Job> {
  const job = isId('job', jobId) ? (term.jobs.get(jobId) ?? (await term.store.read.job(jobId))) : undefined
  if (job === undefined) throw new AppError('not-found', { message: `there is no job \`${jobId}\`` })
  return job
}
