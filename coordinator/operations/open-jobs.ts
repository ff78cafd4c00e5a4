import type { AgentId, AttemptId, JobId } from '../../shared/model/identifiers.ts'
import { attemptOf, isEnded, type Job, type JobKind, subjectKey } from '../jobs/job.ts'

/** The jobs that are not ended, as last committed: loaded when a term begins, kept by every commit after. */
export class OpenJobs {
  readonly #jobs = new Map<JobId, Job>()
  readonly #bySubject = new Map<string, Set<JobId>>()

  set(job: Job): void {
    const key = `${job.kind}/${subjectKey(job.subject)}`
    if (isEnded(job.state)) {
      this.#jobs.delete(job.id)
      const rest = this.#bySubject.get(key)
      rest?.delete(job.id)
      if (rest?.size === 0) this.#bySubject.delete(key)
      return
    }
    this.#jobs.set(job.id, job)
    const ids = this.#bySubject.get(key)
    if (ids === undefined) this.#bySubject.set(key, new Set([job.id]))
    else ids.add(job.id)
  }

  get(id: JobId): Job | undefined {
    return this.#jobs.get(id)
  }

  all(): Iterable<Job> {
    return this.#jobs.values()
  }

  get size(): number {
    return this.#jobs.size
  }

  /** Whether a job of that kind is open for the subject. */
  hasOpen(kind: JobKind, key: string): boolean {
    return this.#bySubject.has(`${kind}/${key}`)
  }

  /** Jobs whose present attempt is held by the agent: assigned, running or cancelling. */
  heldBy(agentId: AgentId): readonly Job[] {
    return [...this.#jobs.values()].filter(
      ({ state }) => state.kind !== 'queued' && attemptOf(state)?.agentId === agentId,
    )
  }

  /** The open job whose newest attempt this is, even when its lease ended. */
  ofAttempt(jobId: JobId, attemptId: AttemptId): Job | undefined {
    const job = this.#jobs.get(jobId)
    return job !== undefined && attemptOf(job.state)?.id === attemptId ? job : undefined
  }
}
