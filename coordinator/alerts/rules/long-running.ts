import type { Duration } from '../../../shared/time/index.ts'
import { baselineOf } from './baseline.ts'
import type { AlertRules } from './settings.ts'

/** A job that takes longer than its database's jobs do. */
export interface LongRun {
  readonly limit: Duration
  /** The median; absent while there is no history to tell. */
  readonly usual?: Duration
}

/** What a policy says of it: a time of its own, or how many times the median. */
export interface LongRunning {
  readonly after?: Duration
  readonly factor?: number
}

/**
 * Whether a job that has run for `elapsed` is running long against its database's own history: beyond a multiple
 * of the median, six spreads above it, and a floor above it, whichever is most. Nothing is said without a history.
 *
 * @param own of its policy: `factor` in place of that of all, `after` in place of anything a history says
 */
export function longRun(
  elapsed: Duration,
  history: readonly Duration[] | undefined,
  { factor, atLeast }: AlertRules['longRunning'],
  own: LongRunning = {},
): LongRun | undefined {
  const baseline = baselineOf(history ?? [])
  if (own.after !== undefined)
    return elapsed <= own.after
      ? undefined
      : {
          limit: own.after,
          ...(baseline === undefined ? {} : { usual: Math.round(baseline.median) }),
        }
  if (baseline === undefined) return undefined
  const { median, spread } = baseline
  const limit = Math.max((own.factor ?? factor) * median, median + 6 * spread, median + atLeast)
  return elapsed > limit ? { limit: Math.round(limit), usual: Math.round(median) } : undefined
}
