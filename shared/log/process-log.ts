import { createLogger } from './create-logger.ts'
import type { Log, LogLevel } from './log.ts'
import { openLogFile } from './log-file.ts'

/** `log` of a configuration. */
export interface LogConfig {
  readonly level: LogLevel
  readonly format: 'auto' | 'json' | 'pretty'
  /** Instead of the standard error stream. */
  readonly file?: string | undefined
  readonly fields: 'native' | 'ecs'
}

/**
 * The log of a process that runs for long. With a file, SIGHUP reopens it, which is what logrotate asks for; without
 * one SIGHUP keeps its meaning.
 *
 * @throws AppError `config.invalid`
 */
export function openProcessLog(
  name: string,
  { file: path, ...config }: LogConfig,
): { readonly log: Log; close(): void } {
  if (path === undefined) return { log: createLogger({ name, ...config }), close: () => {} }
  const file = openLogFile(path)
  const onHangup = () => file.reopen()
  process.on('SIGHUP', onHangup)
  return {
    log: createLogger({ name, ...config, destination: file }),
    close: () => {
      process.off('SIGHUP', onHangup)
      file.close()
    },
  }
}
