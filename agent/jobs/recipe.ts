import type { AppError } from '../../shared/errors/index.ts'
import type { JobHooks } from '../hooks/hook.ts'
import type { ManifestDraft, OpenRecord } from './journal-record.ts'
import type { AttemptKind, CopyResult, VerifyReport } from './result.ts'
import type { AttemptVoice } from './surroundings.ts'

/** What a recipe leaves to the commit protocol. */
export type RecipeOutcome =
  /** All parts stored, nothing completed: the commit protocol does the rest. */
  | {
      readonly kind: 'uploaded'
      readonly uploads: readonly UploadedObject[]
      /** With several destinations. */
      readonly copies?: CopyRule & {
        readonly givenUp: readonly { readonly destination: string; readonly error: AppError }[]
      }
      readonly draft: ManifestDraft
      readonly manifestKey: string
    }
  /** Done, nothing to commit in a bucket. */
  | {
      readonly kind: 'done'
      readonly rawBytes: number
      readonly storedBytes: number
      /** Of a copy: the manifest as it was read back from its new place. */
      readonly manifest?: { readonly key: string; readonly bytes: Buffer }
      readonly copies?: readonly CopyResult[]
      readonly warnings?: readonly string[]
    }
  /** A verification came to a judgement; `failure` where it is against the backup. */
  | {
      readonly kind: 'judged'
      readonly report: VerifyReport
      readonly failure?: AppError
      readonly rawBytes: number
      readonly storedBytes: number
      readonly warnings: readonly string[]
    }

/** What is asked of several destinations. */
export interface CopyRule {
  /** As many must be committed for success. */
  readonly min: number
  /** How long the others may hold the rest up, ms. */
  readonly patience: number
}

/** An object whose parts are stored, ready to be completed. */
export interface UploadedObject {
  /** Name of the destination it is in, where there are several. */
  readonly destination?: string
  readonly key: string
  readonly uploadId: string
  readonly size: number
  readonly parts: readonly {
    readonly number: number
    readonly size: number
    readonly sha256: string
    readonly etag: string
  }[]
}

/** One kind of work for one attempt, made from its Assign. */
export interface Recipe {
  readonly kind: AttemptKind
  /** Guarded kinds end by themselves when the coordinator is lost for ⅔ of the lease (J11). */
  readonly guarded: boolean
  /** Buckets, prefix and target, as the journal keeps them. */
  readonly place: Pick<OpenRecord, 'destination' | 'further' | 'prefix' | 'target' | 'instance'>
  /** An attempt that takes longer ends itself, ms; absent: never. */
  readonly timeout?: number
  /** What this host is to run around it; absent: nothing. */
  readonly hooks?: JobHooks
  /** Who is worked on, for the log. */
  readonly subject: string
  /** What can be known cheaply before accepting: credentials, tools, destination. Throws why not. */
  preflight(): Promise<void>
  /** The work, after `open` stands in the journal. Throws an AppError; has then ended its children and sessions. */
  run(voice: AttemptVoice): Promise<RecipeOutcome>
}

/** How long an attempt may take, as the coordinator says; nothing: as long as it takes. */
export function timeoutOf({
  timeoutMs = 0,
}: {
  readonly timeoutMs?: number | undefined
}): Pick<Recipe, 'timeout'> {
  return timeoutMs > 0 ? { timeout: timeoutMs } : {}
}
