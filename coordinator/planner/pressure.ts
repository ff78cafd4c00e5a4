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
 * The work that must be done before each deadline, of things that can do only so much: one line for each cluster or
 * destination. A job's own slack does not say that ten thousand others stand before the same destination with the
 * same deadline; this does, as an earliest-deadline check would. Without it they become urgent in their last
 * minutes, all together.
 */
export class Pressures {
  /** Line by line the work of each step; once judged, of all up to it. */
  readonly #work: Float64Array
  readonly #half: Int8Array
  readonly #most: Int8Array
  readonly #steps: number

  /** @param last the last step that is going to be added or asked for */
  constructor(lines: number, last: number) {
    this.#steps = last + 1
    this.#work = new Float64Array(lines * this.#steps)
    this.#half = new Int8Array(lines).fill(-1)
    this.#most = new Int8Array(lines).fill(-1)
  }

  /** @param milliseconds the work is worth with the whole of the thing at its disposal */
  add(line: number, step: number, milliseconds: Duration): void {
    const at = line * this.#steps + step
    this.#work[at] = (this.#work[at] ?? 0) + milliseconds
  }

  /** Once all is added: finds the last deadline before which so much of the time is spoken for; all up to it is in need. */
  judge(): void {
    for (let line = 0, at = 0; line < this.#half.length; line++) {
      let sum = 0
      for (let step = 0; step < this.#steps; step++, at++) {
        const work = this.#work[at] ?? 0
        sum += work
        this.#work[at] = sum
        if (work === 0) continue
        const time = edges[step] ?? 0
        if (sum >= thresholds[0] * time) this.#half[line] = step
        if (sum >= thresholds[1] * time) this.#most[line] = step
      }
    }
  }

  /** Once judged; a line that is none (-1) does not press. */
  levelOf(line: number, step: number): Level {
    if (line < 0) return 0
    return step <= (this.#most[line] ?? -1) ? 2 : step <= (this.#half[line] ?? -1) ? 1 : 0
  }

  /** The work that must be done before deadlines of this step; once judged. */
  workUntil(line: number, step: number): Duration {
    return line < 0 ? 0 : (this.#work[line * this.#steps + step] ?? 0)
  }
}

/**
 * How long a job would keep the whole of a budget busy.
 *
 * @param usual slots where the budget names none
 */
export function worth(
  duration: Duration,
  rate: number,
  budget: Budget,
  usual = Number.POSITIVE_INFINITY,
): Duration {
  const bySlots = duration / (budget.slots ?? usual)
  const byRate = (duration * rate) / (budget.bytesPerSecond ?? Number.POSITIVE_INFINITY)
  return Math.max(bySlots, byRate)
}
