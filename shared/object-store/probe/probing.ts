import type { ObjectKey, ObjectStore } from '../port.ts'
import type { S3Requests } from '../s3/requests.ts'
import type { Notebook } from './notebook.ts'

/** What the checks of one probe share. */
export interface Probing {
  /** As backups would use it. */
  readonly store: ObjectStore
  /** For what backups would never send. */
  readonly requests: S3Requests
  readonly book: Notebook
  /** A key below the probe's own prefix; it is deleted in the end. */
  readonly key: (name: string) => ObjectKey
  readonly prefix: string
  readonly signal: AbortSignal
  /** The longest a dump may take, ms. */
  readonly longestDumpMs: number
  /** The credentials are a keeper's, which may delete. */
  readonly keeper: boolean
}
