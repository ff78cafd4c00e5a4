import type { EngineKind } from '../../shared/model/engine.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { median, quantile, slope } from './statistics.ts'

/** A backup that was made: what the next one is predicted from. */
export interface PastRun {
  readonly startedAt: Millis
  readonly durationMs: Duration
  readonly storedBytes: number
}

/** What a database's own history says, small enough to be kept for each. */
export interface Fit {
  readonly runs: number
  /** Median and 90th percentile of its durations with the trend taken out: what they were at `at`. */
  readonly p50: Duration
  readonly p90: Duration
  /** Growth of the duration, milliseconds a day; robust (Theil–Sen). */
  readonly perDay: number
  /** Stored bytes a second over the whole run, median. */
  readonly rate: number
  /** When the newest run began. */
  readonly at: Millis
}

/** What a prediction is made from. */
export interface PredictionInput {
  readonly engine: EngineKind
  /** As the engine reports it, indexes and all; 0 when unknown. */
  readonly sizeBytes: number
  /** How long the last good backup took. */
  readonly lastDurationMs?: Duration
  readonly lastStoredBytes?: number
  /** Of its history, once that was read; then `at` is asked for, too. */
  readonly fit?: Fit
  /** When the run would be; the trend goes on until then. */
  readonly at?: Millis
  /** Stored bytes a second it may make, by policy. */
  readonly maxRate?: number
}

/** Median and pessimistic duration: P50 orders, P90 for windows, slack and forecasts (architecture §9). */
export interface Prediction {
  readonly p50: Duration
  readonly p90: Duration
  /** Stored bytes a second while they flow. */
  readonly rate: number
}

/**
 * Bytes of database per second through dump, zstd and upload, one stream, 2 cores. PostgreSQL measured at 80 MB/s
 * (architecture §7), the others below it until measured.
 */
const throughput: Readonly<Record<EngineKind, number>> = {
  postgres: 80e6,
  mysql: 50e6,
  mariadb: 50e6,
}

/** Connecting, listing, locking, committing: nothing takes less. */
const overhead = 5_000
/** Stored bytes for each byte the engine reports, before any was seen: indexes are not dumped, the rest compresses. */
const storedPart = 0.25
/** Of the time beyond that, what bytes flow in at least. */
const flowPart = 0.8
const day = 86_400_000
/** A history of fewer runs says little about its tail. */
const enough = 4

/**
 * From its own history where that is long enough: robust quantiles and trend. Else from the last duration; else a
 * cold start: twice what the engine's throughput promises. Plain statistics, so that anyone can check them.
 */
export function predict(input: PredictionInput): Prediction {
  const { p50, p90, rate } = withoutLimit(input)
  const { maxRate } = input
  const flow = flowing(rate, p50)
  if (maxRate === undefined || flow <= maxRate) return { p50, p90, rate: flow }
  // a policy that holds it back makes it longer
  const longer = Math.max(1, rate / maxRate)
  return { p50: Math.ceil(p50 * longer), p90: Math.ceil(p90 * longer), rate: maxRate }
}

/**
 * Bytes do not flow all the time: budgets are of what flows at one moment, not of the average. And who is held to an
 * average takes longer, which makes a lower average, and so on without end.
 *
 * @param average stored bytes a second over the whole run
 */
function flowing(average: number, p50: Duration): number {
  return Math.ceil((average * p50) / Math.max(Math.min(1_000, p50), flowPart * p50 - overhead))
}

function withoutLimit(input: PredictionInput): Prediction {
  const { fit: known, lastDurationMs } = input
  if (known !== undefined && known.runs >= enough) {
    const ahead = Math.min(7, Math.max(0, ((input.at ?? known.at) - known.at) / day))
    // a trend of some runs is not believed beyond doubling or halving
    const p50 = Math.min(2 * known.p50, Math.max(known.p50 / 2, known.p50 + known.perDay * ahead))
    const scale = p50 / Math.max(1, known.p50)
    return {
      p50: Math.max(1, Math.round(p50)),
      p90: Math.max(1, Math.ceil(known.p90 * scale)),
      rate: Math.ceil(known.rate),
    }
  }
  const p50 =
    lastDurationMs === undefined
      ? overhead + Math.ceil((input.sizeBytes / throughput[input.engine]) * 1_000) * 2
      : Math.max(1, lastDurationMs)
  const stored = input.lastStoredBytes ?? input.sizeBytes * storedPart
  return {
    p50,
    p90: lastDurationMs === undefined ? p50 * 2 : Math.ceil(p50 * 1.5) + overhead,
    rate: Math.ceil((stored / p50) * 1_000),
  }
}

/** What a history says, newest or oldest first. Undefined of none. Some dozen runs are enough. */
export function fitOf(runs: readonly PastRun[]): Fit | undefined {
  if (runs.length === 0) return undefined
  const at = Math.max(...runs.map(each => each.startedAt))
  const points = runs.map(({ startedAt, durationMs }) => ({ x: (startedAt - at) / day, y: durationMs }))
  const perDay = runs.length < enough ? 0 : slope(points)
  const level = points.map(({ x, y }) => Math.max(1, y - perDay * x))
  const p50 = median(level)
  return {
    runs: runs.length,
    p50,
    // never below what a tenth more and the fixed costs make of the median: few runs hide their tail
    p90: Math.max(quantile(level, 0.9), p50 * 1.1 + overhead),
    perDay,
    rate: median(runs.map(each => (each.storedBytes / Math.max(1, each.durationMs)) * 1_000)),
    at,
  }
}
