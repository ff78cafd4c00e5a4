import type { Duration, Millis } from '../../shared/time/index.ts'
import { isLimited, openSpans } from '../planner/index.ts'
import type { Policy } from '../policy/index.ts'
import type { Trend } from './trend.ts'

const day = 86_400_000
/** No forecast reaches further than half a year, nor than three times as far as the history goes back. */
const furthest: Duration = 180 * day
const reach = 3

/**
 * How long a backup may take at most under a policy: as long as its longest window is open, where a job must finish
 * inside it; else no longer than its RPO, beyond which no backup is ever in time.
 */
export function timeAllowed(policy: Policy, now: Millis): Duration {
  if (!isLimited(policy) || policy.mustFinish === false) return policy.rpo
  const open = openSpans(policy, now).map(({ from, to }) => to - from)
  return Math.min(policy.rpo, Math.max(0, ...open))
}

/**
 * When backups that grow as they did will take longer than `allowed`, judged by their 90th percentile: the moment,
 * or undefined when they do not grow steadily or it is too far ahead to be told. One that takes longer already
 * outgrew it at its newest backup.
 */
export function outgrowsAt(trend: Trend, allowed: Duration): Millis | undefined {
  const { p90DurationMs, durationGrowth, from, to } = trend
  if (durationGrowth === undefined || !durationGrowth.steady || durationGrowth.perDay <= 0) return undefined
  const ahead = Math.max(0, ((allowed - p90DurationMs) / durationGrowth.perDay) * day)
  return ahead > Math.min(furthest, reach * (to - from)) ? undefined : Math.round(to + ahead)
}
