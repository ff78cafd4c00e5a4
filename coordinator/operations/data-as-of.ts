import type { Millis } from '../../shared/time/index.ts'

/**
 * The moment a backup protects, by our clock (facts A7): the snapshot's time as its host told it, corrected by
 * how far that host's clock is off, and never outside what can be. A primary's snapshot cannot be older than
 * the assignment; a replica's may be, by its lag, and saying so is the promise (P1).
 */
export function correctedDataAsOf(reported: {
  readonly dataAsOf: Millis
  /** Our clock minus the database server's. */
  readonly clockOffsetMs: number
  readonly assignedAt: Millis
  readonly receivedAt: Millis
  readonly replica: boolean
}): Millis {
  const corrected = reported.dataAsOf + reported.clockOffsetMs
  const earliest = reported.replica ? 0 : Math.min(reported.assignedAt, reported.receivedAt)
  return Math.min(Math.max(corrected, earliest), reported.receivedAt)
}
