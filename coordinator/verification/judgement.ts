import type { Failure } from '../../shared/errors/index.ts'
import type { BackupId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { Verdict, VerificationState } from '../store/records.ts'
import { isBadVerdict } from './verdict.ts'

/** What one verification came to. */
export interface Judgement {
  readonly at: Millis
  readonly verdict: Verdict
  readonly backupId: BackupId
  /** When the backup's data was true. */
  readonly dataAsOf: Millis
  readonly restoreMs: Duration
  /** What is wrong; empty of a good one. */
  readonly detail: string
}

/**
 * The proof of a database after one more judgement. A bad one counts where nothing newer was proven; a good one takes
 * that away when it is of a backup that is no older, or of the same one.
 */
export function withJudgement(state: VerificationState | undefined, judged: Judgement): VerificationState {
  const { failing: _, bad, ...rest } = state ?? {}
  const { at, verdict, backupId, dataAsOf, restoreMs, detail } = judged
  const last = { at, verdict, backupId }
  if (isBadVerdict(verdict)) {
    const proven =
      rest.good !== undefined && rest.good.backupId !== backupId && rest.good.dataAsOf >= dataAsOf
    const { good, ...others } = rest
    // what it said of this very backup before holds no more
    const kept = good === undefined || good.backupId === backupId ? others : { ...others, good }
    if (proven) return { ...kept, last, ...(bad === undefined ? {} : { bad }) }
    return {
      ...kept,
      last,
      bad: {
        since: bad?.since ?? at,
        count: (bad?.count ?? 0) + (bad?.backupId === backupId ? 0 : 1),
        backupId: bad !== undefined && bad.dataAsOf > dataAsOf ? bad.backupId : backupId,
        dataAsOf: Math.max(dataAsOf, bad?.dataAsOf ?? 0),
        detail: `${verdict}: ${detail}`,
      },
    }
  }
  const still = bad !== undefined && bad.backupId !== backupId && bad.dataAsOf > dataAsOf
  const newer = rest.good === undefined || rest.good.dataAsOf <= dataAsOf
  return {
    ...rest,
    last,
    ...(still ? { bad } : {}),
    ...(newer ? { good: { at, verdict, backupId, dataAsOf, restoreMs } } : {}),
  }
}

/** The same after a verification that came to no judgement: nothing is said of the backup. */
export function withoutJudgement(
  state: VerificationState | undefined,
  failure: Failure,
  at: Millis,
): VerificationState {
  return { ...state, failing: { since: state?.failing?.since ?? at, at, failure } }
}

/** The same once a backup is gone: what was said of it speaks for nothing any more. */
export function withoutBackup(
  state: VerificationState | undefined,
  backupId: BackupId,
): VerificationState | undefined {
  if (state?.bad?.backupId !== backupId && state?.good?.backupId !== backupId) return state
  const { bad, good, ...rest } = state
  return {
    ...rest,
    ...(bad === undefined || bad.backupId === backupId ? {} : { bad }),
    ...(good === undefined || good.backupId === backupId ? {} : { good }),
  }
}
