import type { AttemptId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { AttemptRef } from '../jobs/event.ts'
import type { Attempt } from '../jobs/job.ts'

/** What ran out. */
export interface Expired {
  readonly jobId: JobId
  readonly ref: AttemptRef
  readonly kind: 'accept' | 'lease'
}

interface Entry extends Expired {
  readonly ttl: Duration
  deadline: Millis
  fired: boolean
}

/**
 * Deadlines of attempts, in the leader's memory on its monotonic clock (J6): the store knows who and how long,
 * never until when. The clock stands while the leader is blind: when the store does not answer, and for as
 * long as this process itself did not run (stopped, starved), since renewals that came meanwhile wait unread.
 */
export class LeaseClock {
  readonly #entries = new Map<AttemptId, Entry>()
  readonly #stall: Duration
  #lastTick: Millis | undefined

  /** @param stall ticks further apart than this mean that the process itself stood still */
  constructor(stall: Duration) {
    this.#stall = stall
  }

  /** Begins to wait for `accepted`. */
  awaitAccept(jobId: JobId, attempt: Attempt, timeout: Duration, mono: Millis): void {
    this.#put({ jobId, ref: refOf(attempt), kind: 'accept', ttl: timeout }, mono)
  }

  /** Begins or renews a lease with its full TTL. */
  start(jobId: JobId, attempt: Attempt, ttl: Duration, mono: Millis): void {
    this.#put({ jobId, ref: refOf(attempt), kind: 'lease', ttl }, mono)
  }

  /** A heartbeat named the attempt. False when no lease of it runs here for that agent. */
  renew(ref: AttemptRef, mono: Millis): boolean {
    const entry = this.#entries.get(ref.attemptId)
    if (entry === undefined || entry.kind !== 'lease' || entry.fired) return false
    // nobody keeps another agent's lease alive
    if (entry.ref.agentId !== ref.agentId || entry.ref.epoch !== ref.epoch) return false
    entry.deadline = mono + entry.ttl
    return true
  }

  end(attemptId: AttemptId): void {
    this.#entries.delete(attemptId)
  }

  /** Whether an attempt's deadline runs here. */
  has(attemptId: AttemptId): boolean {
    return this.#entries.has(attemptId)
  }

  get size(): number {
    return this.#entries.size
  }

  /** What ran out by `mono`, each once. `blind`: the store does not answer, nothing runs out. */
  tick(mono: Millis, blind: boolean): readonly Expired[] {
    const passed = this.#lastTick === undefined ? 0 : mono - this.#lastTick
    this.#lastTick = mono
    if (blind || passed > this.#stall) {
      for (const entry of this.#entries.values()) entry.deadline += passed
      return []
    }
    const expired: Expired[] = []
    for (const entry of this.#entries.values())
      if (!entry.fired && entry.deadline <= mono) {
        entry.fired = true
        expired.push({ jobId: entry.jobId, ref: entry.ref, kind: entry.kind })
      }
    return expired
  }

  /** What ran out could not be written down: it runs out again at the next tick. */
  refire(attemptId: AttemptId): void {
    const entry = this.#entries.get(attemptId)
    if (entry !== undefined) entry.fired = false
  }

  #put(entry: Expired & { readonly ttl: Duration }, mono: Millis): void {
    this.#entries.set(entry.ref.attemptId, { ...entry, deadline: mono + entry.ttl, fired: false })
  }
}

/** An attempt named whole (J2). */
export function refOf(attempt: Attempt): AttemptRef {
  return { attemptId: attempt.id, epoch: attempt.epoch, agentId: attempt.agentId }
}
