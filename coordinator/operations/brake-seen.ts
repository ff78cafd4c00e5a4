import type { Millis } from '../../shared/time/index.ts'
import type { Brake } from '../retention/index.ts'

/** The brake of retention, and when that was looked at. */
export interface BrakeSeen extends Brake {
  readonly at: Millis
}
