import type { AgentId } from '../../shared/model/identifiers.ts'
import type { JobEvent } from '../jobs/event.ts'
import { type Job, subjectKey } from '../jobs/job.ts'

type Subject = Job['subject']

const nobody: ReadonlySet<AgentId> = new Set()
const judgements: readonly string[] = ['verify.differs', 'verify.unrestorable']

/**
 * Which agents said of a database's verification that they cannot make it (no such extension, no room, no user), until
 * somebody made one: others are asked before them. Of one term; the next leader asks anew.
 */
export class UnfitVerifiers {
  readonly #bySubject = new Map<string, Set<AgentId>>()

  /** Once an event was committed. */
  heard(job: Job, event: JobEvent): void {
    if (job.kind !== 'verify') return
    const key = subjectKey(job.subject)
    if (event.kind !== 'failed') {
      if (event.kind === 'succeeded') this.#bySubject.delete(key)
      return
    }
    const { code } = event.failure
    if (judgements.includes(code)) this.#bySubject.delete(key)
    else if (code.startsWith('verify.')) {
      const known = this.#bySubject.get(key)
      if (known === undefined) this.#bySubject.set(key, new Set([event.ref.agentId]))
      else known.add(event.ref.agentId)
    }
  }

  of(subject: Subject): ReadonlySet<AgentId> {
    return this.#bySubject.get(subjectKey(subject)) ?? nobody
  }
}
