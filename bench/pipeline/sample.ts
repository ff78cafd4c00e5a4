import type { Cost } from './measured.ts'

/** One measurement of one subject. */
export interface Sample extends Omit<Cost, 'stdout'> {
  readonly subject: string
  /** From 1. */
  readonly round: number
  readonly rawBytes: number
  /** Where it is known. */
  readonly storedBytes?: number
  /** Level, encryption, census, TLS, streams: what it was measured under. */
  readonly conditions: string
}

/** The middle of some numbers; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

/** Everything measured so far, asked by subject. */
export class Samples {
  readonly all: Sample[] = []
  /** Subjects that could not be measured, and why. */
  readonly failed = new Map<string, string>()

  of(subject: string): readonly Sample[] {
    return this.all.filter(each => each.subject === subject)
  }

  /** The median of something of a subject's samples; NaN when there is none. */
  median(subject: string, value: (sample: Sample) => number): number {
    return median(this.of(subject).map(value))
  }

  conditions(subject: string): string {
    return this.of(subject).at(-1)?.conditions ?? ''
  }
}
