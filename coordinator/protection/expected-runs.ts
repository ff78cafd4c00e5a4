import type { Duration, Millis } from '../../shared/time/index.ts'
import { nextInstant } from '../policy/cron.ts'
import type { Schedule } from '../policy/policy.ts'

/** What was expected of a database in a stretch of time, and what of it came. */
export interface Runs {
  readonly expected: number
  readonly made: number
}

/** What expected runs are counted from. Times are wall clock. */
export interface ExpectedRunsInput {
  readonly policy: { readonly schedule: Schedule; readonly rpo: Duration }
  /** When the RPO clock began for want of a backup. */
  readonly clockFrom: Millis
  /** When the good backups of the time looked at were true, and the last one before it; in order. */
  readonly good: readonly Millis[]
  /** Counted is what was made, or missed, after `from` and not after `to`. */
  readonly from: Millis
  readonly to: Millis
}

/** More instants than a day has minutes. */
const mostInstants = 1_500

/**
 * Counts runs by what the schedule asks for, not by what was attempted (P1): an agent that is dead attempts nothing,
 * fails nothing, and misses every run. A run is due when the schedule says so after the last good backup, or after
 * the run that should have been; it is missed when its promise breaks: the RPO less the interval later. A backup
 * before the next run is due is none that was expected, and moves the next one on.
 */
export function expectedRuns({ policy, clockFrom, good, from, to }: ExpectedRunsInput): Runs {
  const { schedule, rpo } = policy
  const slack = Math.max(0, rpo - schedule.every)
  let [expected, made] = [0, 0]
  let cursor = clockFrom
  let first = true
  for (const at of good) {
    if (at > to) break
    const { missed, last } = missedBetween(schedule, cursor, slack, from, at)
    expected += missed
    const due = following(schedule, last)
    if (at > from && (first || at >= due)) {
      expected++
      made++
    }
    cursor = at
    first = false
  }
  return { expected: expected + missedBetween(schedule, cursor, slack, from, to).missed, made }
}

/**
 * Runs after `cursor` whose promise broke after `from` and before or at `until`, and when the last run was due whose
 * promise had broken by then.
 */
function missedBetween(
  schedule: Schedule,
  cursor: Millis,
  slack: Duration,
  from: Millis,
  until: Millis,
): { readonly missed: number; readonly last: Millis } {
  if (schedule.kind !== 'cron') {
    const every = Math.max(1, schedule.every)
    const by = (at: Millis) => Math.max(0, Math.floor((at - slack - cursor) / every))
    const all = by(until)
    return { missed: all - Math.min(all, by(from)), last: cursor + all * every }
  }
  let missed = 0
  // what broke before the time looked at is not gone through, however long the database has had no backup
  let last = Math.max(cursor, from - slack - schedule.every)
  for (let n = 0; n < mostInstants; n++) {
    const due = following(schedule, last)
    if (due + slack > until) break
    if (due + slack > from) missed++
    last = due
  }
  return { missed, last }
}

function following(schedule: Schedule, after: Millis): Millis {
  return schedule.kind === 'cron'
    ? nextInstant(schedule.expression, schedule.zone, after)
    : after + schedule.every
}

/** Good backups that are remembered for the count, at most. */
const mostRemembered = 100

/** The times `expectedRuns` needs, with one more: those after `from`, and the last one before it. In order. */
export function withGood(good: readonly Millis[] | undefined, at: Millis, from: Millis): readonly Millis[] {
  const all = [...(good ?? []), at].sort((a, b) => a - b)
  const before = all.findLastIndex(each => each <= from)
  return all.slice(Math.max(0, before)).slice(-mostRemembered)
}
