/** What is usual: plain robust statistics over the last good backups. */
export interface Baseline {
  readonly median: number
  /** Of the usual deviation, as a standard deviation would be: 1.4826 × the median of the distances. */
  readonly spread: number
  readonly samples: number
}

/** Fewer than this say nothing: a cold start has no baseline. */
export const fewestSamples = 5
/** How many of a database's last good backups are kept. */
export const mostSamples = 10

/** The baseline of a history, undefined when there is too little of it. */
export function baselineOf(history: readonly number[]): Baseline | undefined {
  if (history.length < fewestSamples) return undefined
  const median = medianOf(history)
  const spread = 1.4826 * medianOf(history.map(each => Math.abs(each - median)))
  return { median, spread, samples: history.length }
}

/** A history with one more, the oldest dropped. */
export function withSample(history: readonly number[] | undefined, sample: number): readonly number[] {
  return [...(history ?? []), sample].slice(-mostSamples)
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}
