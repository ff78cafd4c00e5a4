/** The value below which a part `q` of the values lies, between neighbours in proportion. 0 of none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const low = sorted[Math.floor(at)] ?? 0
  const high = sorted[Math.ceil(at)] ?? low
  return low + (high - low) * (at - Math.floor(at))
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Theil–Sen: the median of the slopes between all pairs. A few wild points do not move it. 0 of fewer than two. */
export function slope(points: readonly Point[]): number {
  return median(pairSlopes(points))
}

export interface Point {
  readonly x: number
  readonly y: number
}

/** The slope between each two points that do not lie above each other. */
export function pairSlopes(points: readonly Point[]): readonly number[] {
  const slopes: number[] = []
  for (const [i, a] of points.entries())
    for (const b of points.slice(i + 1)) if (a.x !== b.x) slopes.push((b.y - a.y) / (b.x - a.x))
  return slopes
}
