import type { Duration, Millis } from '../../shared/time/index.ts'

const day: Duration = 24 * 3_600_000

/** A ledger of the store that grows with every day, and how long its rows are of use. */
export interface LedgerRule {
  readonly ledger: 'requests' | 'results' | 'decisions' | 'outbox'
  readonly keep: Duration
  readonly why: string
}

/**
 * How long the coordinator keeps its bookkeeping. What is not named here is kept for good: jobs, attempts,
 * backups, alerts and the audit are history, and messages that were given up wait for a person.
 */
export const ledgerRules: readonly LedgerRule[] = [
  {
    ledger: 'requests',
    keep: 7 * day,
    why: 'a caller repeats a request id within minutes, a script that hangs over a weekend within days',
  },
  {
    ledger: 'results',
    keep: 30 * day,
    why: 'agents send a result again for up to 14 days; twice that and it cannot come back as a new one',
  },
  {
    ledger: 'decisions',
    keep: 30 * day,
    why: 'why a job that ended had waited is asked in the weeks after; the job itself and its attempts stay',
  },
  {
    ledger: 'outbox',
    keep: 30 * day,
    why: 'whether an alert was delivered is asked while it is fresh; the alert itself stays',
  },
]

/** What is to be removed at `now`: of each ledger everything that is older. */
export function ledgersDue(
  now: Millis,
): readonly { readonly ledger: LedgerRule['ledger']; readonly before: Millis }[] {
  return ledgerRules.map(({ ledger, keep }) => ({ ledger, before: now - keep }))
}
