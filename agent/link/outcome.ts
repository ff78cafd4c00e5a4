import type { AppError } from '../../shared/errors/index.ts'
import type { Duration } from '../../shared/time/index.ts'

/** How one stream to the coordinator ended. A session never rejects; the link's policy switches on this. */
export type SessionOutcome =
  /** Never welcomed: nothing listens, no answer in time, a deposed leader. */
  | { readonly kind: 'unreachable'; readonly error: AppError }
  /** Welcomed, then ended for whatever reason. */
  | { readonly kind: 'served'; readonly servedFor: Duration; readonly error?: AppError }
  /** Told to stay away; `retryAfter` 0 means not by itself. */
  | { readonly kind: 'refused'; readonly error: AppError; readonly retryAfter: Duration }
  /** We ended it. */
  | { readonly kind: 'stopped' }
