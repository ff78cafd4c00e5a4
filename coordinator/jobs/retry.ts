import { type Failure, traitsOf } from '../../shared/errors/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { fnv1a32 } from './fnv1a.ts'
import type { RetryRule } from './job.ts'

/**
 * How long to wait after attempt number `attempt` (1 is the first) of `what` (a job's id, a message's key): exponential from `baseDelay`, never above
 * `maxDelay`, the upper half of it spread by a hash of the two, so that a fleet which failed together
 * does not come back together and the same history always gives the same time.
 */
export function retryDelay(rule: RetryRule, what: string, attempt: number): Duration {
  const doublings = Math.min(Math.max(0, attempt - 1), 40)
  const full = Math.min(rule.maxDelay, rule.baseDelay * 2 ** doublings)
  const half = Math.floor(full / 2)
  return full - half + (half === 0 ? 0 : fnv1a32(`${what}/${attempt}`) % (half + 1))
}

/** What is ahead by less is how clocks are set right, not a mistake. */
const slack: Duration = 60_000

/**
 * When a job that waits may be given out. No wait is longer than the longest between two tries: one that seems to be was
 * written down by a clock that was ahead, and is over.
 */
export function startableAt(notBefore: Millis, { maxDelay }: RetryRule, now: Millis): Millis {
  return notBefore > now + maxDelay + slack ? now : notBefore
}

/** Whether the registry leaves any hope that the same work goes better later. */
export function canRetry(failure: Failure): boolean {
  return traitsOf(failure.code).retry !== 'never'
}
