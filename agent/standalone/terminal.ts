/** Where commands write and what they know of their surroundings; tests give their own. */
export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Whether stderr is a terminal: a progress line is painted there, else logs are JSON lines. */
  readonly interactive: boolean
  readonly columns: () => number
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly stop: AbortSignal
  /** Aborted by the second one. */
  readonly abort: AbortSignal
  readonly environment: Readonly<Record<string, string | undefined>>
}
