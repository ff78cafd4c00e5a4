import type { Duration, Millis } from '../../../shared/time/index.ts'
import type { AlertRules } from './settings.ts'

/** How an attempt that stored something in a destination ended. */
export interface StoreOutcome {
  readonly subject: string
  readonly at: Millis
  /** Absent: it stored what it had. */
  readonly code?: string
}

/** What is said of a destination. `well` only once something was stored there again. */
export type DestinationHealth =
  | { readonly kind: 'failing'; readonly databases: number; readonly code: string; readonly since: Millis }
  | { readonly kind: 'well' }
  | { readonly kind: 'unknown' }

/** Without a failure for so long, one success is enough to believe it is over. */
const calm: Duration = 600_000

/**
 * Judges a destination by how attempts ended lately: failing when enough different databases failed there for
 * the store's own reasons (`object-store.*`) and nothing much succeeded in between; well when something was stored
 * after the last failure and either as many databases did or a while has passed.
 */
export function judgeDestination(
  outcomes: readonly StoreOutcome[],
  { databases, window }: AlertRules['destination'],
  now: Millis,
): DestinationHealth {
  const recent = outcomes.filter(each => now - each.at <= window)
  const failures = recent.filter(each => each.code !== undefined)
  const last = Math.max(...failures.map(each => each.at), 0)
  const successes = outcomes.filter(each => each.code === undefined && each.at > last)
  const good = new Set(successes.map(each => each.subject)).size
  if (good > 0 && (good >= databases || now - last >= calm)) return { kind: 'well' }
  const failed = new Set(failures.map(each => each.subject))
  const stored = new Set(recent.filter(each => each.code === undefined).map(each => each.subject))
  // some fail while most get through: those jobs' own alerts tell it
  if (failed.size < databases || stored.size > failed.size) return { kind: 'unknown' }
  return {
    kind: 'failing',
    databases: failed.size,
    code: failures.at(-1)?.code ?? '',
    since: Math.min(...failures.map(each => each.at)),
  }
}

/** Outcomes kept of a destination: enough to see many databases fail, few enough to look through at each. */
const mostOutcomes = 200

/** What is kept for judging: the newest outcome of each subject either way, nothing older than a day. */
export function withOutcome(
  outcomes: readonly StoreOutcome[],
  outcome: StoreOutcome,
): readonly StoreOutcome[] {
  const day = 24 * 3_600_000
  return [
    ...outcomes.filter(
      each =>
        outcome.at - each.at <= day &&
        (each.subject !== outcome.subject || (each.code === undefined) !== (outcome.code === undefined)),
    ),
    outcome,
  ].slice(-mostOutcomes)
}

/** Whether so many of the jobs that store there run long that it is the destination that is slow. */
export function isSlow(running: number, long: number, { databases }: AlertRules['destination']): boolean {
  return long >= databases && long * 2 >= running
}
