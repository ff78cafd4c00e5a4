import type { AttemptProgress } from './surroundings.ts'

/** A reading of how much of the present work is done, bytes; `at` in monotonic ms. */
export interface Reading {
  readonly at: number
  readonly done: number
}

/** What is said of the rest; 0 where nothing can be said. */
export interface Forecast {
  /** Of late. */
  readonly bytesPerSecond: number
  readonly remainingMs: number
}

/** Rate is that of so long, ms: old enough to be steady, young enough to follow a throttle. */
const window = 30_000
/** Readings closer than this say nothing new, ms. */
const spacing = 500

/** Takes a reading in: those older than the window go; work that begins anew (fewer bytes) starts anew. */
export function remembered(readings: readonly Reading[], reading: Reading): readonly Reading[] {
  const last = readings.at(-1)
  if (last === undefined || reading.done < last.done) return [reading]
  const previous = readings.at(-2)
  // the last one moves along, so that the newest bytes always count
  const kept = previous !== undefined && last.at - previous.at < spacing ? readings.slice(0, -1) : readings
  const from = kept.findLastIndex(each => each.at <= reading.at - window)
  return [...kept.slice(Math.max(0, from)), reading]
}

/**
 * The recent rate, and when the predicted end will be by it. A prediction that was passed, a rate of nothing and
 * less than a second of readings say nothing.
 *
 * @param of the whole work, bytes; 0 when unknown
 */
export function forecast(readings: readonly Reading[], of: number): Forecast {
  const [first, last] = [readings[0], readings.at(-1)]
  if (first === undefined || last === undefined || last.at - first.at < 1_000)
    return { bytesPerSecond: 0, remainingMs: 0 }
  const bytesPerSecond = Math.round(((last.done - first.done) * 1_000) / (last.at - first.at))
  if (bytesPerSecond <= 0 || of <= last.done)
    return { bytesPerSecond: Math.max(0, bytesPerSecond), remainingMs: 0 }
  return { bytesPerSecond, remainingMs: Math.ceil(((of - last.done) * 1_000) / bytesPerSecond) }
}

/** What the rate and the end of an attempt are reckoned by: raw bytes, unless it says otherwise. */
export function workOf({ work, rawBytes, predictedRawBytes }: AttemptProgress): {
  readonly done: number
  readonly of: number
} {
  return work ?? { done: rawBytes, of: predictedRawBytes }
}

/** Progress as a reading. @param at monotonic ms */
export function readingOf(progress: AttemptProgress, at: number): Reading {
  return { at, done: workOf(progress).done }
}
