import type { Paint } from './print/paint.ts'
import type { Screen } from './screen.ts'

/** Where a command writes and what it knows of its surroundings; tests give their own. */
export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Columns; 100 when nobody says. */
  readonly width: number
  /** Whether stderr is a terminal that can repaint a progress line. */
  readonly interactive: boolean
  /** Colours a state, where colours are wanted; absent where they are not. */
  readonly paint?: Paint | undefined
  /** The whole terminal, where stdout is one. */
  readonly screen?: Screen
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly now: () => number
  readonly signal: AbortSignal
}
