import { pino } from 'pino'
import { AppError } from '../errors/index.ts'
import type { LogDestination } from './create-logger.ts'

/** A log file that can be rotated: moved away, then reopened. */
export interface LogFile extends LogDestination {
  /** Writes into a file of the same name from now on; the old one may be moved or compressed. */
  reopen(): void
  close(): void
}

/**
 * Opens a log file for appending, made 0640 when it is new. Lines are written at once, so that the last one before a
 * crash is kept; what cannot be written (a full disk) goes to the standard error stream and ends nothing.
 *
 * @throws AppError `config.invalid` when it cannot be opened now
 */
export function openLogFile(path: string): LogFile {
  const file = opened(path)
  let failing = false
  file.on('error', (error: Error) => {
    // what is written by the event of a failed write would fail again
    if (!failing)
      process.stderr.write(`{"level":"error","msg":"the log file cannot be written: ${error.message}"}\n`)
    failing = true
  })
  file.on('drain', () => {
    failing = false
  })
  return {
    write: line => {
      try {
        file.write(line)
      } catch {
        process.stderr.write(line)
      }
    },
    reopen: () => file.reopen(),
    close: () => file.end(),
  }
}

function opened(path: string) {
  try {
    return pino.destination({ dest: path, append: true, sync: true, mode: 0o640 })
  } catch (thrown) {
    throw new AppError('config.invalid', {
      message: 'the log file cannot be opened',
      context: { key: 'log.file', path },
      cause: thrown,
      hint: 'Make its folder, and let the user of this process write there.',
    })
  }
}
