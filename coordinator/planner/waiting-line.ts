import type { ClusterId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { isManualRestore } from './order.ts'
import type { QueuedJob, Reason } from './port.ts'

interface Queue {
  /** In order of whose promise breaks first. */
  readonly jobs: QueuedJob[]
  running: number
  /** Restores that a person waits for among them: they do not wait for their cluster. */
  restores: number
}

/**
 * What waits, by cluster. Only the most urgent of a cluster that may start one is offered to the planner: the rest
 * would be told that its cluster is busy, a hundred thousand times.
 */
export class WaitingLine {
  readonly backlogs = new Map<ClusterId, Duration>()
  readonly #perCluster: number
  readonly #limitOf: (id: ClusterId) => number
  readonly #queues = new Map<ClusterId | JobId, Queue>()
  readonly #jobs = new Map<JobId, QueuedJob>()
  readonly #told = new Map<JobId, readonly Reason[]>()
  readonly #since = new Map<JobId, Millis>()

  constructor(perCluster: number, limitOf: (id: ClusterId) => number) {
    this.#perCluster = perCluster
    this.#limitOf = limitOf
  }

  /** @param at since when nothing but others keeps it from starting */
  add(job: QueuedJob, at: Millis): void {
    this.#jobs.set(job.id, job)
    this.#since.set(job.id, at)
    const queue = this.#of(job.clusterId ?? job.id)
    const { jobs } = queue
    if (isManualRestore(job)) queue.restores++
    let low = 0
    let high = jobs.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = jobs[middle]
      if (other !== undefined && compare(other, job) < 0) low = middle + 1
      else high = middle
    }
    jobs.splice(low, 0, job)
    this.#count(job, 1)
  }

  take(job: QueuedJob): void {
    this.#jobs.delete(job.id)
    this.#told.delete(job.id)
    this.#since.delete(job.id)
    const key = job.clusterId ?? job.id
    const queue = this.#of(key)
    const at = queue.jobs.indexOf(job)
    if (at >= 0) queue.jobs.splice(at, 1)
    if (isManualRestore(job)) queue.restores--
    this.#count(job, -1)
    if (job.clusterId === undefined && queue.jobs.length === 0) this.#queues.delete(key)
  }

  told(job: QueuedJob, reasons: readonly Reason[]): void {
    this.#told.set(job.id, reasons)
  }

  /** Since when a job waits, and why by the last look at it; no reasons: it was not offered. */
  waitOf(id: JobId): { readonly since: Millis; readonly reasons: readonly Reason[] } | undefined {
    const since = this.#since.get(id)
    return since === undefined ? undefined : { since, reasons: this.#told.get(id) ?? [] }
  }

  began(clusterId: ClusterId | undefined): void {
    if (clusterId !== undefined) this.#of(clusterId).running++
  }

  ended(clusterId: ClusterId | undefined): void {
    if (clusterId !== undefined) this.#of(clusterId).running--
  }

  get(id: JobId): QueuedJob | undefined {
    return this.#jobs.get(id)
  }

  offered(): readonly QueuedJob[] {
    const offered: QueuedJob[] = []
    for (const [key, { jobs, running, restores }] of this.#queues) {
      if (jobs.length === 0) continue
      if (jobs[0]?.clusterId !== undefined && running >= this.#limitOf(key as ClusterId)) {
        if (restores > 0) for (const job of jobs) if (isManualRestore(job)) offered.push(job)
        continue
      }
      const most = Math.min(jobs.length, this.#perCluster)
      for (let i = 0; i < most; i++) {
        const job = jobs[i]
        if (job !== undefined) offered.push(job)
      }
    }
    return offered
  }

  all(): readonly { readonly job: QueuedJob; readonly reasons: readonly Reason[] }[] {
    return Array.from(this.#jobs.values(), job => ({ job, reasons: this.#told.get(job.id) ?? [] }))
  }

  #count({ clusterId, p50 }: QueuedJob, sign: 1 | -1): void {
    if (clusterId !== undefined)
      this.backlogs.set(clusterId, (this.backlogs.get(clusterId) ?? 0) + sign * p50)
  }

  #of(key: ClusterId | JobId): Queue {
    const known = this.#queues.get(key)
    if (known !== undefined) return known
    const fresh: Queue = { jobs: [], running: 0, restores: 0 }
    this.#queues.set(key, fresh)
    return fresh
  }
}

function compare(a: QueuedJob, b: QueuedJob): number {
  return a.deadline - b.deadline || a.dueAt - b.dueAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
