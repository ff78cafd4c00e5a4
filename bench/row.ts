/** A line of a benchmark's table, and of its JSON. */
export interface BenchRow {
  readonly case: string
  /** Null where it could not be measured. */
  readonly value: number | null
  readonly unit: string
  /** `≥ 1.4`, `≤ 3`; null where the value is told and not judged. */
  readonly target: string | null
  /** False when the target was missed, or nothing was measured. */
  readonly ok: boolean
  /** Under what, for people. */
  readonly conditions?: string
}
