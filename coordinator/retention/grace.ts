import type { Duration, Millis } from '../../shared/time/index.ts'

/** Since when nothing keeps a backup any more. */
export interface Expiry {
  readonly since: Millis
}

/** What a look at a backup comes to: it stays (again), is given notice, waits, or its time has come. */
export type GraceStep =
  | { readonly kind: 'stay' }
  | { readonly kind: 'expire'; readonly since: Millis }
  | { readonly kind: 'wait'; readonly until: Millis }
  | { readonly kind: 'due' }

/**
 * No backup goes in the look that finds it expendable: nothing may keep it for a whole grace, in every look. So a rule
 * that was shortened by mistake can be put right, and each look in between says what would go.
 */
export function graceStep(
  keep: boolean,
  expiry: Expiry | undefined,
  now: Millis,
  grace: Duration,
): GraceStep {
  if (keep) return { kind: 'stay' }
  // a clock that went back must not shorten it
  if (expiry === undefined || expiry.since > now) return { kind: 'expire', since: now }
  const until = expiry.since + grace
  return now < until ? { kind: 'wait', until } : { kind: 'due' }
}
