import { type Logger, pino } from 'pino'
import { describeError } from './describe-error.ts'
import type { Log, LogFields, LogLevel } from './log.ts'
import { prettyLine } from './pretty.ts'
import { redact, redactText } from './redact.ts'

/** Where lines go: each call gets one whole line with its newline. */
export interface LogDestination {
  write(line: string): void
}

export interface LoggerOptions {
  /** The process: `coordinator`, `agent`, `holdfast`. */
  readonly name: string
  readonly level: LogLevel
  /** `auto` (default): for people on a terminal, JSON otherwise. */
  readonly format?: 'auto' | 'json' | 'pretty'
  /** Default: the standard error stream, written synchronously so that the last line before a crash is kept. */
  readonly destination?: LogDestination
}

/**
 * Makes the log of a process: one JSON object a line, `{"level","time","name","msg",…}`, time in ISO 8601 UTC.
 * Everything passes the redaction. Pretty printing happens in this process: pino transports need worker files
 * that do not exist in a single-file build (facts-runtime D6).
 */
export function createLogger(options: LoggerOptions): Log {
  const destination = options.destination ?? pino.destination({ fd: 2, sync: true })
  const format = options.format ?? 'auto'
  const onTerminal = options.destination === undefined && process.stderr.isTTY === true
  const pretty = format === 'pretty' || (format === 'auto' && onTerminal)
  const target = pretty
    ? { write: (line: string) => void destination.write(prettyLine(line, onTerminal)) }
    : destination
  return adapt(
    pino(
      {
        name: options.name,
        level: options.level,
        base: { name: options.name },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: label => ({ level: label }) },
      },
      target,
    ),
  )
}

function adapt(logger: Logger): Log {
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    if (!logger.isLevelEnabled(level)) return
    logger[level](fields === undefined ? {} : printable(fields), redactText(message))
  }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: fields => adapt(logger.child(printable(fields))),
  }
}

function printable(fields: LogFields): Record<string, unknown> {
  const { error, ...rest } = fields
  const safe = redact(rest) as Record<string, unknown>
  return error === undefined ? safe : { ...safe, error: describeError(error) }
}
