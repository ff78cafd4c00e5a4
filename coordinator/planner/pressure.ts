import type { Duration } from '../../shared/time/index.ts'
import type { Budget } from './port.ts'

/** How hard a queue presses: 0 not, 1 half of the time before a deadline is spoken for, 2 most of it. */
export type Level = 0 | 1 | 2

const thresholds = [0.5, 0.8] as const
/** Slack in steps of a quarter of an octave, from ten seconds on: exact enough, and one pass over the queue. */
const stepsPerOctave = 4
const shortest = 10_000
const steps = 82

/** The step a slack lies in. */
export function stepOf(slack: Duration): number {
  if (slack <= shortest) return 0
  return Math.min(steps - 1, 1 + Math.floor(Math.log2(slack / shortest) * stepsPerOctave))
}

/** The shortest slack of a step. */
const edges = Array.from({ length: steps }, (_, n) =>
  n === 0 ? 0 : shortest * 2 ** ((n - 1) / stepsPerOctave),
)

/**
 * The work that must be done before each deadline, of one thing that can do only so much. A job's own slack does
 * not say that ten thousand others stand before the same destination with the same deadline; this does, as an
 * earliest-deadline check would. Without it they become urgent in their last minutes, all together.
 */
export class Pressure {
  readonly #work: number[] = []
  readonly #until: number[] = []
  #half = -1
  #most = -1
  #judged = false

  /** @param milliseconds the work is worth with the whole of the thing at its disposal */
  add(step: number, milliseconds: Duration): void {
    this.#work[step] = (this.#work[step] ?? 0) + milliseconds
  }

  /** Asked once all is added. */
  levelOf(step: number): Level {
    if (!this.#judged) this.#judge()
    return step <= this.#most ? 2 : step <= this.#half ? 1 : 0
  }

  /** The work that must be done before deadlines of this step; asked once all is added. */
  workUntil(step: number): Duration {
    if (!this.#judged) this.#judge()
    return this.#until[Math.min(step, this.#until.length - 1)] ?? 0
  }

  /** Finds the last deadline before which so much of the time is spoken for: everything up to it is in need. */
  #judge(): void {
    this.#judged = true
    let sum = 0
    for (let step = 0; step < this.#work.length; step++) {
      const work = this.#work[step] ?? 0
      sum += work
      this.#until[step] = sum
      if (work === 0) continue
      const time = edges[step] ?? 0
      if (sum >= thresholds[0] * time) this.#half = step
      if (sum >= thresholds[1] * time) this.#most = step
    }
  }
}

/** How long a job would keep the whole of a budget busy. */
export function worth(duration: Duration, rate: number, budget: Budget): Duration {
  const bySlots = duration / (budget.slots ?? Number.POSITIVE_INFINITY)
  const byRate = (duration * rate) / (budget.bytesPerSecond ?? Number.POSITIVE_INFINITY)
  return Math.max(bySlots, byRate)
}
