import type { Duration, Millis } from '../../shared/time/index.ts'

/** One good backup of a database, as trends see it. */
export interface Sample {
  /** When it began. */
  readonly at: Millis
  readonly rawBytes: number
  readonly storedBytes: number
  readonly durationMs: Duration
}

/** The newest are all kept: what is usual is judged by them. */
const newest = 10
const most = 48
const oldest: Duration = 180 * 86_400_000

/**
 * A history with one more sample, in order of time. It stays small however often a database is backed up: the newest
 * ten are kept, before them the samples that lie closest together are thinned out, so that the rest reaches back
 * evenly for up to half a year.
 */
export function remember(history: readonly Sample[], sample: Sample): readonly Sample[] {
  const all = [...history.filter(each => each.at !== sample.at), sample].sort((a, b) => a.at - b.at)
  const from = (all.at(-1)?.at ?? 0) - oldest
  const kept = all.filter(each => each.at >= from)
  while (kept.length > most) kept.splice(closest(kept), 1)
  return kept
}

/** The sample whose neighbours are nearest to each other; neither the first nor one of the newest. */
function closest(samples: readonly Sample[]): number {
  const gap = (i: number) => (samples[i + 1]?.at ?? 0) - (samples[i - 1]?.at ?? 0)
  let found = 1
  for (let i = 2; i < samples.length - newest; i++) if (gap(i) < gap(found)) found = i
  return found
}
