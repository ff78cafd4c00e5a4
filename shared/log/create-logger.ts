import { type Logger, type LoggerOptions as PinoOptions, pino } from 'pino'
import { describeError } from './describe-error.ts'
import { ecsFields, ecsVersion } from './ecs.ts'
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
  /** Names of fields in JSON: our own (default), or those of the Elastic Common Schema. */
  readonly fields?: 'native' | 'ecs'
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
  const shape = options.fields === 'ecs' && !pretty ? ecs(options.name) : native(options.name)
  return adapt(pino({ level: options.level, ...shape.options }, target), shape.fields)
}

/** How lines are shaped: what pino is told, and what becomes of fields. */
interface LineShape {
  readonly options: Omit<PinoOptions, 'level'>
  readonly fields: (fields: LogFields) => Record<string, unknown>
}

function native(name: string): LineShape {
  return {
    options: {
      base: { name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    fields: printable,
  }
}

function ecs(name: string): LineShape {
  return {
    options: {
      base: { 'ecs.version': ecsVersion, 'service.name': `holdfast-${name}` },
      messageKey: 'message',
      timestamp: () => `,"@timestamp":"${new Date().toISOString()}"`,
      formatters: { level: label => ({ 'log.level': label }) },
    },
    fields: fields => ecsFields(printable(fields)),
  }
}

function adapt(logger: Logger, shaped: LineShape['fields']): Log {
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    if (!logger.isLevelEnabled(level)) return
    logger[level](fields === undefined ? {} : shaped(fields), redactText(message))
  }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: fields => adapt(logger.child(shaped(fields)), shaped),
  }
}

function printable(fields: LogFields): Record<string, unknown> {
  const { error, ...rest } = fields
  const safe = redact(rest) as Record<string, unknown>
  return error === undefined ? safe : { ...safe, error: describeError(error) }
}
