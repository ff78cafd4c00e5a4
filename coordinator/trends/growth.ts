import type { Millis } from '../../shared/time/index.ts'
import { median, pairSlopes, quantile } from '../planner/index.ts'

/** How something grows, or shrinks. */
export interface Growth {
  /** Theil–Sen: the median of the slopes between all pairs. A few wild values do not move it. */
  readonly perDay: number
  /** Three of four pairs agree on the direction: only then is it worth looking ahead. */
  readonly steady: boolean
}

const day = 86_400_000
/** Fewer samples, or a shorter time, say nothing about growth. */
export const fewestForGrowth = 7
export const shortestForGrowth = 6 * day

/** How a value grew over its samples; undefined when there are too few, or too little time between them. */
export function growthOf(
  points: readonly { readonly at: Millis; readonly value: number }[],
): Growth | undefined {
  const first = points[0]?.at ?? 0
  const last = points.at(-1)?.at ?? 0
  if (points.length < fewestForGrowth || last - first < shortestForGrowth) return undefined
  const slopes = pairSlopes(points.map(({ at, value }) => ({ x: (at - last) / day, y: value })))
  return { perDay: median(slopes), steady: quantile(slopes, 0.25) > 0 || quantile(slopes, 0.75) < 0 }
}
