import type { BackupId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { fnv1a32 } from '../jobs/fnv1a.ts'
import type { VerificationState } from '../store/records.ts'

/** Up to this part of its interval a verification is due early, so that those of one night drift apart. */
const spread = 1 / 10
/** Between two jobs that came to no judgement: as long as it has been failing, at least and at most. */
const shortestHold: Duration = 15 * 60_000
const longestHold: Duration = 6 * 3_600_000

/** What a verification is due by. */
export interface DueInput {
  readonly databaseId: string
  readonly every: Duration
  readonly timeout: Duration
  /** Since when its policy asks for it. */
  readonly wantedSince: Millis
  /** Its newest good backup. */
  readonly newest: BackupId
  readonly verification?: VerificationState | undefined
}

/** When the newest good backup of a database is to be verified, why, and from when on it is overdue. */
export interface VerificationDue {
  readonly dueAt: Millis
  readonly overdueAt: Millis
  readonly code: 'first' | 'after-failure' | 'interval'
  /** Ties are taken in this order: it has nothing to do with names or clusters. */
  readonly order: number
}

/**
 * The newest good backup of a database is due: at once when none of its backups was ever judged, and when one was
 * found bad and this is another; else when the last judgement is `every` old, up to a tenth of it earlier by a hash of
 * the database, so that a fleet does not come due in one hour. One that could not be tried is held for a while.
 */
export function verificationDue(input: DueInput): VerificationDue {
  const { databaseId, every, timeout, wantedSince, newest, verification = {} } = input
  const { last, bad, failing } = verification
  const order = fnv1a32(databaseId)
  const early = Math.floor((order / 2 ** 32) * every * spread)
  const held =
    failing === undefined
      ? 0
      : failing.at + Math.min(Math.max(failing.at - failing.since, shortestHold), longestHold)
  const from = Math.max(wantedSince, last?.at ?? 0)
  const overdueAt = from + every + timeout
  if (last === undefined) return { dueAt: Math.max(wantedSince, held), overdueAt, code: 'first', order }
  if (bad !== undefined && last.backupId !== newest)
    return { dueAt: Math.max(last.at, held), overdueAt, code: 'after-failure', order }
  return { dueAt: Math.max(last.at + every - early, held), overdueAt, code: 'interval', order }
}

/** Below 0 when `a` is to be verified first: what may not be protected at all, what was never proven, who waits longest. */
export function compareDue(a: VerificationDue, b: VerificationDue): number {
  const rank = { 'after-failure': 0, first: 1, interval: 2 }
  // of those never proven it matters little who waited longer: a fleet that turns it on waits all at once
  const time = a.code === 'first' ? 0 : a.dueAt - b.dueAt
  return rank[a.code] - rank[b.code] || time || a.order - b.order
}
