import type { Duration, Millis } from '../../shared/time/index.ts'
import type { ProtectionState } from '../store/records.ts'

/** The closed list of reasons why a database is not protected, and why an instance is a gap (P1). */
export const gapReasons = [
  'no-agent',
  'ambiguous-agent',
  'agent-silent',
  'agent-never-seen',
  'no-credential',
  'no-policy',
  'not-inventoried',
  'inventory-failing',
  'never-backed-up',
  'backup-due',
  'job-running',
  'failing',
  'overdue',
  'gone',
  'not-connectable',
  'unknown-engine',
  'window-too-small',
  'paused',
  'tools-missing',
  'no-capacity',
  'waiting-for-replica',
  'waiting-for-primary',
] as const
export type GapReason = (typeof gapReasons)[number]

/** Reasons of gaps that are of no database: a server nobody registered, a copy of a backup, and what is not known at all. */
export const furtherGapReasons = [
  'not-discovered',
  'copy-missing',
  'verification-failed',
  'verification-overdue',
  'discovery-never-answered',
  'nothing-known',
] as const

/**
 * Whether a reason at risk names something that stands in the way, rather than that a backup is due or at work:
 * then it is in the ledger before the promise breaks.
 */
export function isObstacle(reason: string): boolean {
  return !inOrder.has(reason)
}

const inOrder: ReadonlySet<string> = new Set([
  '',
  'never-backed-up',
  'backup-due',
  'job-running',
  'overdue',
] satisfies readonly (GapReason | '')[])

/** All that the RPO clock reads. `lastDataAsOf` comes from backups, never from jobs. */
export interface ProtectionInput {
  readonly now: Millis
  readonly policy?: { readonly rpo: Duration }
  readonly firstSeenAt: Millis
  readonly lastDataAsOf?: Millis
  /** When the next backup is due after the one of `lastDataAsOf`, by the schedule. */
  readonly dueAt?: Millis
  readonly goneSince?: Millis
  readonly connectable: boolean
  readonly consecutiveFailures: number
  readonly lastFailureCode?: string
  /** When the first of those failures was. */
  readonly failingSince?: Millis
  readonly jobOpen: boolean
  /** Its windows cannot hold a backup in time, in words; the window wins, the promise breaks now. */
  readonly windowTooSmall?: string
  /** By whom and why its scheduled backups are held, in words. It explains what nothing worse does, and hides nothing. */
  readonly paused?: string
  /** What of slots and budgets it will not get before its promise breaks, by the forecast, in words. */
  readonly noCapacity?: string
  /** Why no job can run on its instance now, if so. */
  readonly instanceGap?: { readonly code: GapReason; readonly detail: string }
}

/** The state of the promise now, why, when the next backup is due and when the promise breaks. */
export interface Protection {
  readonly state: ProtectionState
  /** Empty when protected. */
  readonly reason: GapReason | ''
  readonly detail: string
  readonly dueAt?: Millis
  readonly deadline?: Millis
}
