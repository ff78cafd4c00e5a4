import { AppError } from '../../shared/errors/index.ts'
import type { JobId } from '../../shared/model/identifiers.ts'
import { isEnded, type Job } from '../jobs/index.ts'
import { applyJobEvent } from './apply-job-event.ts'
import { once } from './once.ts'
import { actorOf, covers, type Principal } from './principal.ts'
import { answered } from './start-backup.ts'
import type { Term } from './term.ts'

/**
 * Asks that a job end. One that runs is `cancelling` until its agent has rolled back; a success that was on its
 * way still counts (J13).
 *
 * @throws AppError `not-found`, `conflict` for an ended job
 */
export async function cancelJob(
  principal: Principal,
  request: { readonly jobId: JobId; readonly requestId: string; readonly reason: string },
  term: Term,
): Promise<Job> {
  const { jobId, requestId, reason } = request
  const answer = await once(term, 'cancel-job', requestId, { jobId }, async tx => {
    const job = await tx.jobs.get(jobId)
    const cluster =
      job === undefined || job.subject.scope === 'destination' ? undefined : job.subject.clusterId
    if (job === undefined || !covers(principal.scope, cluster))
      throw new AppError('not-found', { message: `there is no job \`${jobId}\`` })
    const event = { kind: 'cancel', by: actorOf(principal), reason } as const
    const applied = await applyJobEvent(tx, jobId, event, term.clock.now(), term)
    if (applied.kind === 'refused' && isEnded(job.state))
      throw new AppError('conflict', {
        message: `the job has ended: ${job.state.kind}`,
        hint: 'An ended job stays as it is.',
        context: { job_id: jobId, state: job.state.kind },
      })
    return { jobId }
  })
  return answered(answer.jobId, term)
}
