import type { EngineKind } from '../../shared/model/engine.ts'
import type { Duration } from '../../shared/time/index.ts'

/** What a prediction is made from. */
export interface PredictionInput {
  readonly engine: EngineKind
  /** As the engine reports it, indexes and all; 0 when unknown. */
  readonly sizeBytes: number
  /** How long the last good backup took. */
  readonly lastDurationMs?: Duration
}

/** Median and pessimistic duration: P50 orders, P90 for windows, slack and forecasts (architecture §9). */
export interface Prediction {
  readonly p50: Duration
  readonly p90: Duration
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

/** From the last duration where there is one, else a cold start: twice what the engine's throughput promises. */
export function predict(input: PredictionInput): Prediction {
  const p50 =
    input.lastDurationMs === undefined
      ? overhead + Math.ceil((input.sizeBytes / throughput[input.engine]) * 1_000) * 2
      : Math.max(1, input.lastDurationMs)
  return { p50, p90: input.lastDurationMs === undefined ? p50 * 2 : Math.ceil(p50 * 1.5) + overhead }
}
