import type { Duration, Millis } from '../../shared/time/index.ts'
import { fitOf, median } from '../planner/index.ts'
import { type Growth, growthOf } from './growth.ts'
import type { Sample } from './history.ts'

/** What is usual for a database and where it is going: a handful of numbers, kept for each by the writer. */
export interface Trend {
  /** Backups it is judged by, the first and the newest of them. */
  readonly samples: number
  readonly from: Millis
  readonly to: Millis
  /** Medians of the last ten. */
  readonly usualRawBytes: number
  readonly usualStoredBytes: number
  /** Median and 90th percentile of the duration at `to`, growth taken out. */
  readonly usualDurationMs: Duration
  readonly p90DurationMs: Duration
  /** Bytes and milliseconds a day; absent while there is too little to tell. */
  readonly rawGrowth?: Growth
  readonly storedGrowth?: Growth
  readonly durationGrowth?: Growth
}

/** The last so many say what is usual. */
const recent = 10

/** What a history says; undefined of none. @param history in order of time */
export function trendOf(history: readonly Sample[]): Trend | undefined {
  const first = history[0]
  const last = history.at(-1)
  const fit = fitOf(history.map(each => ({ ...each, startedAt: each.at })))
  if (first === undefined || last === undefined || fit === undefined) return undefined
  const usual = (value: (sample: Sample) => number) => Math.round(median(history.slice(-recent).map(value)))
  const growth = (value: (sample: Sample) => number) =>
    growthOf(history.map(sample => ({ at: sample.at, value: value(sample) })))
  const raw = growth(each => each.rawBytes)
  const stored = growth(each => each.storedBytes)
  const duration = growth(each => each.durationMs)
  return {
    samples: history.length,
    from: first.at,
    to: last.at,
    usualRawBytes: usual(each => each.rawBytes),
    usualStoredBytes: usual(each => each.storedBytes),
    usualDurationMs: Math.round(fit.p50),
    p90DurationMs: Math.round(fit.p90),
    ...(raw === undefined ? {} : { rawGrowth: raw }),
    ...(stored === undefined ? {} : { storedGrowth: stored }),
    ...(duration === undefined ? {} : { durationGrowth: duration }),
  }
}
