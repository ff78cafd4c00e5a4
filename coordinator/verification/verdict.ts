import type { BackupRecord, Verdict } from '../store/records.ts'

/** Whether a restore showed that a backup is not what it should be. */
export function isBadVerdict(verdict: Verdict): boolean {
  return verdict === 'differs' || verdict === 'unrestorable'
}

/** A bad backup stays listed and counts for nothing: no clock runs from it, and no other backup goes because of it. */
export function isBad({ verification }: Pick<BackupRecord, 'verification'>): boolean {
  return verification !== undefined && isBadVerdict(verification.verdict)
}

/** Whether a restore showed that it holds: compared with its census, or restored for want of one. */
export function isProven({ verification }: Pick<BackupRecord, 'verification'>): boolean {
  return verification !== undefined && !isBadVerdict(verification.verdict)
}
