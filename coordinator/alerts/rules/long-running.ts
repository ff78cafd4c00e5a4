import type { Duration } from '../../../shared/time/index.ts'
import { baselineOf } from './baseline.ts'
import type { AlertRules } from './settings.ts'

/** A job that takes longer than its database's jobs do. */
export interface LongRun {
  readonly limit: Duration
  readonly usual: Duration
}

/**
 * Whether a job that has run for `elapsed` is running long against its database's own history: beyond a multiple
 * of the median, six spreads above it, and a floor above it, whichever is most. Nothing is said without a history.
 */
export function longRun(
  elapsed: Duration,
  history: readonly Duration[] | undefined,
  { factor, atLeast }: AlertRules['longRunning'],
): LongRun | undefined {
  const baseline = baselineOf(history ?? [])
  if (baseline === undefined) return undefined
  const { median, spread } = baseline
  const limit = Math.max(factor * median, median + 6 * spread, median + atLeast)
  return elapsed > limit ? { limit: Math.round(limit), usual: Math.round(median) } : undefined
}
