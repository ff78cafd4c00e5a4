import type { AttemptId, JobId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import { attemptOf, isEnded, type Job } from '../jobs/job.ts'

/** How far an attempt is: latest wins, memory only. */
export interface Progress {
  readonly stage: string
  readonly rawBytes: number
  readonly storedBytes: number
  /** 0 when unknown. */
  readonly predictedRawBytes: number
  /** Raw bytes per second of late, time to the predicted end, requests to stores tried again; 0 unknown. */
  readonly bytesPerSecond: number
  readonly remainingMs: number
  readonly retries: number
  readonly at: Millis
}

/** A job as those see it who wait for it. */
export interface JobView {
  readonly job: Job
  readonly progress?: Progress | undefined
}

/** Latest progress of running jobs and who wants to hear of changes. Effects after commit feed it. */
export class JobViews {
  readonly #progress = new Map<JobId, { readonly attemptId: AttemptId; readonly progress: Progress }>()
  readonly #listeners = new Map<JobId, Set<(job: Job | undefined) => void>>()

  /** A committed change of a job. */
  changed(job: Job): void {
    const known = this.#progress.get(job.id)
    if (known !== undefined && (isEnded(job.state) || attemptOf(job.state)?.id !== known.attemptId))
      this.#progress.delete(job.id)
    this.#tell(job.id, job)
  }

  report(jobId: JobId, attemptId: AttemptId, progress: Progress): void {
    this.#progress.set(jobId, { attemptId, progress })
    this.#tell(jobId, undefined)
  }

  progressOf(jobId: JobId): Progress | undefined {
    return this.#progress.get(jobId)?.progress
  }

  /** Calls `listener` with the job at every change, with undefined at every progress. Returns the end of it. */
  listen(jobId: JobId, listener: (job: Job | undefined) => void): () => void {
    const listeners = this.#listeners.get(jobId) ?? new Set()
    listeners.add(listener)
    this.#listeners.set(jobId, listeners)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(jobId)
    }
  }

  #tell(jobId: JobId, job: Job | undefined): void {
    for (const listener of this.#listeners.get(jobId) ?? []) listener(job)
  }
}
