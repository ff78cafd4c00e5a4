import { AppError } from '../../shared/errors/index.ts'
import { attemptOf, type Job } from '../jobs/job.ts'
import { applyJobEvent } from './apply-job-event.ts'
import type { Expired } from './lease-clock.ts'
import { type Term, write } from './term.ts'

/** Ends what ran out of time (J6). What cannot be written down now runs out again at the next tick. */
export async function expireLeases(term: Term, blind: boolean): Promise<void> {
  const expired = term.leases.tick(term.clock.now().mono, blind)
  await Promise.all(expired.map(each => expire(each, term)))
}

async function expire(expired: Expired, term: Term): Promise<void> {
  const { jobId, ref } = expired
  try {
    const applied = await write(term, 'expire', tx =>
      applyJobEvent(
        tx,
        jobId,
        expired.kind === 'accept' ? { kind: 'accept-timed-out', ref } : { kind: 'lease-expired', ref },
        term.clock.now(),
        term,
      ),
    )
    if (applied.kind !== 'accepted') term.leases.end(ref.attemptId)
    else
      term.log.warn(expired.kind === 'accept' ? 'an attempt was not accepted in time' : 'a lease ran out', {
        job_id: jobId,
        attempt_id: ref.attemptId,
        agent_id: ref.agentId,
      })
  } catch (thrown) {
    if (AppError.from(thrown).code === 'leader.deposed') return
    term.leases.refire(ref.attemptId)
    throw thrown
  }
}

/**
 * Gives every held attempt a full TTL from now: at start and takeover (the recovery window of J6). Nothing runs
 * out inside it, also not what waits for `accepted`: agents need that time to find the new leader.
 */
export function beginLeases(jobs: Iterable<Job>, term: Term): void {
  const { mono } = term.clock.now()
  const { leaseTtl, acceptTimeout } = term.settings.times
  for (const job of jobs) {
    const attempt = attemptOf(job.state)
    if (attempt === undefined || job.state.kind === 'queued') continue
    if (job.state.kind === 'assigned')
      term.leases.awaitAccept(job.id, attempt, Math.max(leaseTtl, acceptTimeout), mono)
    else term.leases.start(job.id, attempt, leaseTtl, mono)
  }
}
