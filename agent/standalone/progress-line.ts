import { formatDuration } from '../../shared/time/index.ts'
import type { Forecast } from '../jobs/forecast.ts'
import type { AttemptProgress } from '../jobs/surroundings.ts'
import { formatBytes } from './format-bytes.ts'

/** What a line says: how far it is, the recent rate, the predicted end. */
export function progressLine(
  subject: string,
  { stage, rawBytes, storedBytes }: AttemptProgress,
  { bytesPerSecond, remainingMs }: Forecast,
): string {
  const parts = [subject, stage]
  if (rawBytes > 0) parts.push(`${formatBytes(rawBytes)} read`)
  if (storedBytes > 0) parts.push(`${formatBytes(storedBytes)} stored`)
  if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`)
  if (remainingMs > 0) parts.push(`about ${formatDuration(remainingMs)} left`)
  return parts.join('  ')
}

/** Repaints one line of a terminal, at most ten times a second. */
export class ProgressPainter {
  readonly #write: (text: string) => void
  readonly #columns: () => number
  readonly #now: () => number
  #paintedAt = Number.NEGATIVE_INFINITY
  #painted = false

  constructor(options: {
    readonly write: (text: string) => void
    readonly columns: () => number
    readonly now: () => number
  }) {
    this.#write = options.write
    this.#columns = options.columns
    this.#now = options.now
  }

  paint(line: string): void {
    const now = this.#now()
    if (now - this.#paintedAt < 100) return
    this.#paintedAt = now
    this.#painted = true
    this.#write(`\r\u001b[2K${line.slice(0, Math.max(20, this.#columns() - 1))}`)
  }

  /** Leaves an empty line behind, for what is printed next. */
  clear(): void {
    if (this.#painted) this.#write('\r\u001b[2K')
    this.#painted = false
    this.#paintedAt = Number.NEGATIVE_INFINITY
  }
}
