import type { Duration, Millis } from '../../../shared/time/index.ts'

/** What is known of a second host with an agent's identity; times by one clock. */
export interface CloneTrace {
  /** When it was last refused. */
  readonly refusedAt: Millis
  /** When the agent was last let in, if after that. */
  readonly admittedAt?: Millis
}

const day: Duration = 24 * 3_600_000

/**
 * Whether nobody need look for the second host any more: it was not seen for a day; or the one agent was let in
 * again since, and for `quiet` nobody else claimed to be it. Being let in alone proves nothing: while the agent
 * is away its clone is let in in its place, so a refused host must have had the time to come back several times.
 */
export function isCloneOver(trace: CloneTrace, quiet: Duration, now: Millis): boolean {
  if (now - trace.refusedAt >= day) return true
  return trace.admittedAt !== undefined && now - trace.admittedAt >= quiet
}
