import type { Failure } from '../../shared/errors/index.ts'
import type { AttemptHook, AttemptObserved } from '../store/records.ts'

/** A key that opened a backup, as the agent tells it: never the key itself. */
export interface KeyUsed {
  /** `age`, `aws-kms`. */
  readonly kind: string
  /** Recipient or ARN. */
  readonly key: string
  readonly backupId: string
}

/** A result as it came from an agent: texts are not trusted yet. */
export interface ReportedResult {
  readonly resultId: string
  readonly jobId: string
  readonly attemptId: string
  readonly epoch: number
  readonly kind: 'backup' | 'restore' | 'delete' | 'copy' | 'verify' | 'unknown'
  readonly outcome: string
  readonly failure?: Failure
  readonly manifest: Uint8Array
  readonly manifestKey: string
  readonly destination: string
  readonly startedAt: number
  readonly endedAt: number
  readonly rawBytes: number
  readonly storedBytes: number
  readonly debris: readonly string[]
  readonly attemptPrefix: string
  /** What each destination got, where there are several. */
  readonly copies: readonly {
    readonly destination: string
    readonly state: 'present' | 'missing'
    readonly failure?: Failure
    readonly debris: readonly string[]
  }[]
  readonly warnings: readonly string[]
  /** Keys that opened a backup. */
  readonly keysUsed: readonly KeyUsed[]
  readonly observed?: AttemptObserved
  /** Hooks of its host that ran around it, in order. */
  readonly hooks: readonly AttemptHook[]
  /** Of a verification that came to a judgement. */
  readonly verify?: ReportedVerification
}

/** What a restore into a throw-away server showed, as the agent tells it. */
export interface ReportedVerification {
  readonly verdict: string
  readonly restoreMs: number
  readonly totalMs: number
  readonly serverVersion: string
  readonly tables: number
  readonly rows: number
  readonly rawBytes: number
  readonly differences: readonly string[]
  readonly differenceCount: number
  readonly failure?: Failure
}

/** The answer every result gets (J12), after the commit. `security`: it was not the sender's to report. */
export type Disposition =
  | { readonly kind: 'recorded' | 'surplus'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly reason: string; readonly security: boolean }

/** An attempt whose objects were given to a keeper to delete: it can no longer succeed. */
export const reclaimed = 'reclaimed'
