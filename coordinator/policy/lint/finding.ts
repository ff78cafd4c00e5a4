/** What a look at policies may find, one code each (docs/reference/policy.md). */
export const findingCodes = [
  'disagreement',
  'no-destination',
  'loses-policy',
  'promise-too-short',
  'window-too-short',
  'windows-too-full',
  'matches-nothing',
  'no-hook',
  'all-at-once',
  'clock-skips',
  'clock-repeats',
  'budget-of-nothing',
  'budget-too-small',
  'retention-only-counts',
  'retention-shortened',
  'verification-weakened',
  'verification-too-often',
  'no-verifier',
  'meta-refused',
] as const
export type FindingCode = (typeof findingCodes)[number]

/** Something about policies that people should know before they hold. */
export interface Finding {
  readonly code: FindingCode
  /**
   * `error`: it cannot be meant, or a promise cannot be kept: policies that bring a new one are refused. `warning`: it
   * is told.
   */
  readonly severity: 'error' | 'warning'
  /** The rule, schedule, budget or cluster it is about: one finding for each code and place. */
  readonly where: string
  readonly text: string
}
