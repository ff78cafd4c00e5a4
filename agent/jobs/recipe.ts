import type { ManifestDraft, OpenRecord } from './journal-record.ts'
import type { AttemptKind } from './result.ts'
import type { AttemptVoice } from './surroundings.ts'

/** What a recipe leaves to the commit protocol. */
export type RecipeOutcome =
  /** All parts stored, nothing completed: the commit protocol does the rest. */
  | {
      readonly kind: 'uploaded'
      readonly uploads: readonly UploadedObject[]
      readonly draft: ManifestDraft
      readonly manifestKey: string
    }
  /** Done, nothing to commit in a bucket. */
  | { readonly kind: 'done'; readonly rawBytes: number; readonly storedBytes: number }

/** An object whose parts are stored, ready to be completed. */
export interface UploadedObject {
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
  /** Bucket, prefix and target, as the journal keeps them. */
  readonly place: Pick<OpenRecord, 'destination' | 'prefix' | 'target'>
  /** Who is worked on, for the log. */
  readonly subject: string
  /** What can be known cheaply before accepting: credentials, tools, destination. Throws why not. */
  preflight(): Promise<void>
  /** The work, after `open` stands in the journal. Throws an AppError; has then ended its children and sessions. */
  run(voice: AttemptVoice): Promise<RecipeOutcome>
}
