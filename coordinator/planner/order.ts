import type { Millis } from '../../shared/time/index.ts'
import type { PlanInput, QueuedJob } from './port.ts'

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
 * The jobs in the order they are considered, class by class: manual restores; urgency class; in each importance
 * plus ageing; backlog of the cluster; longest first; id. Total, so that the same input gives the same plan.
 */
export function inOrder(jobs: readonly QueuedJob[], input: PlanInput): readonly (readonly Ranked[])[] {
  const now = input.now.wall
  const backlog = new Map<string, number>()
  for (const { clusterId, p50 } of jobs)
    if (clusterId !== undefined) backlog.set(clusterId, (backlog.get(clusterId) ?? 0) + p50)
  for (const [clusterId, more] of input.backlogs ?? [])
    if (more > (backlog.get(clusterId) ?? 0)) backlog.set(clusterId, more)
  const classes: Ranked[][] = [[], [], [], []]
  for (const job of jobs) {
    const restore = isManualRestore(job)
    const urgency = urgencyOf(job, now)
    classes[restore ? 0 : urgency + 1]?.push({
      job,
      restore,
      urgency,
      weight: job.importance + Math.max(0, Math.floor((now - job.dueAt) / 3_600_000)),
      backlog: job.clusterId === undefined ? job.p50 : (backlog.get(job.clusterId) ?? 0),
    })
  }
  for (const each of classes) each.sort(compare)
  return classes
}

function compare(a: Ranked, b: Ranked): number {
  return (
    a.urgency - b.urgency ||
    b.weight - a.weight ||
    b.backlog - a.backlog ||
    b.job.p50 - a.job.p50 ||
    (a.job.id < b.job.id ? -1 : a.job.id > b.job.id ? 1 : 0)
  )
}
