import type { Duration, Millis } from '../../shared/time/index.ts'
import type { QueuedJob } from './port.ts'
import type { Queue } from './queue.ts'
import { type Order, Ranks, type Urgency } from './ranks.ts'

/**
 * Where a job stands: 0 overdue or slack < P90, 1 slack < 4 × P90, 2 the rest (facts-runtime H3). Where `ahead`, what
 * its cluster has to do until its deadline, is longer than its own P90, that counts: ten short ones are a long one.
 * Half of its time waited is 1 at least: what is left to the last moment is late when a host goes away for an hour.
 */
export function urgencyOf(job: QueuedJob, now: Millis, ahead: Duration = 0): Urgency {
  if (job.urgent === true) return 0
  const slack = job.deadline - now
  const length = Math.max(job.p90, ahead)
  return slack < length ? 0 : slack < 4 * length || slack < now - job.dueAt ? 1 : 2
}

/** Whether a person waits for it: manual restores come before all. */
export function isManualRestore(job: QueuedJob): boolean {
  return job.manual && job.kind === 'restore'
}

/**
 * The jobs of a queue in the order they are considered, class by class: manual restores; urgency class; in each the
 * pressure of the queue before its deadline; importance plus ageing; backlog of the cluster; longest first; id.
 * Total, so that the same input gives the same plan. Jobs are put into the ranks of their cluster first and sorted
 * within them: most of a hundred thousand then need a handful of comparisons.
 */
export function inOrder(queue: Queue, now: Millis): Order {
  const ranks = new Ranks(queue)
  for (let n = 0; n < queue.jobs.length; n++) {
    const job = queue.job(n)
    const restore = isManualRestore(job)
    const urgency = urgencyOf(job, now, restore ? 0 : queue.aheadOf(n))
    const pressure = job.urgent === true ? 2 : queue.pressureOn(n)
    const weight = job.importance + Math.max(0, Math.floor((now - job.dueAt) / 3_600_000))
    ranks.add(n, restore, urgency, pressure, weight)
  }
  return ranks.inOrder()
}
