/** What a command writes to and is stopped by. */
export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** First SIGINT or SIGTERM: drain. */
  readonly stop: AbortSignal
  /** Second one: skip every grace. */
  readonly abort: AbortSignal
}
