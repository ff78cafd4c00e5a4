import type { Duration, Millis } from '../../shared/time/index.ts'

/** What is ahead of now by less is how clocks are set right, not a mistake. */
const slack: Duration = 60_000

/** How long windows can be shut: they come again every week. */
const shut: Duration = 8 * 86_400_000

/** Whether a time that cannot be later than now is: it was written down by a clock that was wrong. */
export function isAhead(at: Millis, now: Millis): boolean {
  return at > now + slack
}

/**
 * Whether our wall clock is known to be right now: most agents that tell the time agree with it. Nothing that a clock
 * wrote down is corrected by one that nobody vouches for.
 *
 * @param offsets ours minus an agent's, one for each that is heard of
 */
export function isVouchedFor(offsets: readonly Duration[]): boolean {
  return offsets.filter(each => Math.abs(each) <= slack).length * 2 > offsets.length
}

/** The times of a database that a wrong clock may have put ahead. */
export interface WrittenTimes {
  readonly clockFrom: Millis
  readonly lastDataAsOf?: Millis
  readonly nextDueAt?: Millis
}

/**
 * Whether a database has a time that cannot be: its RPO clock would stand until then, and it would look protected
 * without a backup (P1).
 *
 * @param longest from one backup to the next, or from a failure to the next try, windows apart
 */
export function isFromTheFuture(times: WrittenTimes, longest: Duration, now: Millis): boolean {
  const { clockFrom, lastDataAsOf = 0, nextDueAt = 0 } = times
  return isAhead(clockFrom, now) || isAhead(lastDataAsOf, now) || isAhead(nextDueAt, now + longest + shut)
}
