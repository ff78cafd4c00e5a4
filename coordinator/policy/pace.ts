import type { Duration } from '../../shared/time/index.ts'
import type { Policy } from './policy.ts'

/** Never due later than when so much of the promise is left: below it a database is at risk. */
const latest = 3 / 4
/** Nor sooner than after so much of it. */
const soonest = 1 / 4
/** Intervals differ by whole sixteenths of the promise: a backup a second longer must not make another schedule. */
const steps = 16

/**
 * How long after a backup the next one is due, from what is promised and how long one takes: late enough to cost
 * little, early enough that one may fail at its end and be made anew before the promise breaks. What takes long is
 * due no sooner than the last one took: it would do nothing else.
 *
 * @param rpo what is promised
 * @param takes how long a backup takes, pessimistically
 * @param retryDelay the longest wait between two attempts
 */
export function pace(rpo: Duration, takes: Duration, retryDelay: Duration): Duration {
  const twice = rpo - 2 * takes - retryDelay
  const wanted = Math.min(latest * rpo, Math.max(twice, soonest * rpo, takes))
  const step = rpo / steps
  return Math.max(1, Math.floor(Math.floor(wanted / step) * step))
}

const paced = new WeakMap<Policy, Map<Duration, Policy>>()

/**
 * A policy whose interval is to come from promise and size, with the interval of one database; any other as it is.
 * Databases with the same interval share one object.
 */
export function withPace(policy: Policy, takes: () => Duration): Policy {
  if (policy.schedule.kind !== 'auto') return policy
  const every = pace(policy.rpo, takes(), policy.retry.maxDelay)
  let variants = paced.get(policy)
  if (variants === undefined) {
    variants = new Map()
    paced.set(policy, variants)
  }
  let variant = variants.get(every)
  if (variant === undefined) {
    variant = { ...policy, schedule: { kind: 'auto', every } }
    variants.set(every, variant)
  }
  return variant
}
