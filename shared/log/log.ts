/** What goes with a message: flat, printable, keys in snake_case. `error` takes whatever was thrown. */
export type LogFields = Readonly<Record<string, unknown>>

/** The levels, least first. `silent` writes nothing. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/**
 * The only thing the rest of Holdfast knows about logging. Message first, in lower case and without full
 * stop; what varies goes into the fields. Correlation fields are `job_id`, `attempt_id`, `agent_id`, `term`:
 * bind them once by `child`.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A log whose every line carries `fields` as well. */
  child(fields: LogFields): Log
}

/** A log that writes nothing, for tests and for callers who have none. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
}
