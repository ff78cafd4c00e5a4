import type { Millis } from '../../shared/time/index.ts'
import type { QueuedJob } from './port.ts'

/** Where a job stands: 0 overdue or slack < P90, 1 slack < 4 × P90, 2 the rest (facts-runtime H3). */
export function urgencyOf(job: QueuedJob, now: Millis): 0 | 1 | 2 {
  const slack = job.deadline - now
  return slack < job.p90 ? 0 : slack < 4 * job.p90 ? 1 : 2
}

/** Whether a person waits for it: manual restores come before all. */
export function isManualRestore(job: QueuedJob): boolean {
  return job.manual && job.kind === 'restore'
}

/** A job with what it is sorted by, worked out once. */
export interface Ranked {
  readonly job: QueuedJob
  readonly restore: boolean
  readonly urgency: 0 | 1 | 2
  /** Importance plus one step for each hour waited. */
  readonly weight: number
  /** Median work queued in its cluster, milliseconds. */
  readonly backlog: number
}

/**
 * The jobs in the order they are considered: manual restores; urgency class; importance plus ageing; backlog of
 * the cluster; longest first; id. Total, so that the same input gives the same plan.
 */
export function inOrder(jobs: readonly QueuedJob[], now: Millis): readonly Ranked[] {
  const backlog = new Map<string, number>()
  for (const { clusterId, p50 } of jobs)
    if (clusterId !== undefined) backlog.set(clusterId, (backlog.get(clusterId) ?? 0) + p50)
  return jobs
    .map(job => ({
      job,
      restore: isManualRestore(job),
      urgency: urgencyOf(job, now),
      weight: job.importance + Math.max(0, Math.floor((now - job.dueAt) / 3_600_000)),
      backlog: job.clusterId === undefined ? job.p50 : (backlog.get(job.clusterId) ?? 0),
    }))
    .sort(
      (a, b) =>
        Number(b.restore) - Number(a.restore) ||
        a.urgency - b.urgency ||
        b.weight - a.weight ||
        b.backlog - a.backlog ||
        b.job.p50 - a.job.p50 ||
        (a.job.id < b.job.id ? -1 : a.job.id > b.job.id ? 1 : 0),
    )
}
