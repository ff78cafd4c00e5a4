import type { BackupId } from '../../shared/model/identifiers.ts'
import { type Duration, isoOf, type Millis } from '../../shared/time/index.ts'
import type { VerificationState } from '../store/records.ts'
import { verificationDue } from './due.ts'

/** What the ledger says of a database whose backups are not proven. */
export const verificationGapReasons = ['verification-failed', 'verification-overdue'] as const
export type VerificationGapReason = (typeof verificationGapReasons)[number]

export interface VerificationGapInput {
  readonly now: Millis
  readonly databaseId: string
  /** Absent: its policy asks for none. */
  readonly policy?: { readonly every: Duration; readonly timeout: Duration } | undefined
  /** Its newest good backup; absent: there is nothing to verify, and another gap says so. */
  readonly newest?: BackupId | undefined
  readonly wantedSince: Millis
  readonly verification?: VerificationState | undefined
  /** Why nobody can verify it, in words; absent: somebody can. */
  readonly noVerifier?: string | undefined
}

/**
 * Whether a database stands in the ledger for want of a proof: a backup was found bad and nothing as new was proven
 * since; or the last judgement is too old, or nobody could make one. `detail` names instants, never ages.
 */
export function verificationGap(
  input: VerificationGapInput,
): { readonly reason: VerificationGapReason; readonly detail: string } | undefined {
  const { now, databaseId, policy, newest, wantedSince, verification, noVerifier } = input
  const { bad, last, failing } = verification ?? {}
  if (bad !== undefined)
    return {
      reason: 'verification-failed',
      detail: `since ${isoOf(bad.since)}: ${bad.count === 1 ? '' : `${bad.count} backups, last `}${bad.backupId} ${bad.detail}`,
    }
  if (policy === undefined || newest === undefined) return undefined
  const due = verificationDue({ databaseId, ...policy, wantedSince, newest, verification })
  const told = last === undefined ? 'never verified' : `last verified ${isoOf(last.at)}`
  if (noVerifier !== undefined && now >= due.dueAt)
    return { reason: 'verification-overdue', detail: `no-verifier: ${noVerifier}; ${told}` }
  if (now <= due.overdueAt) return undefined
  return {
    reason: 'verification-overdue',
    detail:
      failing === undefined
        ? `${told}, promised by ${isoOf(due.overdueAt)}`
        : `failing since ${isoOf(failing.since)}, last ${failing.failure.code}; ${told}`,
  }
}
