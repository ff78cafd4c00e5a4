/** Milliseconds since the epoch, UTC, integer: the only time in store and wire (architecture §3). */
export type Millis = number

/** A span in integer milliseconds. */
export type Duration = number

/**
 * "Now" is two readings: `wall` for schedules and records, `mono` for leases and back-off. Monotonic time
 * is never stored: it means nothing in another process.
 */
export interface Now {
  readonly wall: Millis
  readonly mono: Millis
}

/** ISO 8601 in UTC with milliseconds, for people and manifests. Pure: formats, reads no clock. */
export function isoOf(at: Millis): string {
  return new Date(at).toISOString()
}
