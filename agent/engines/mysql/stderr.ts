import { AppError } from '../../../shared/errors/index.ts'

/** Lines that say nothing about the dump. */
const harmless: readonly RegExp[] = [
  /unknown (variable|option) '(--)?loose/,
  /Using a password on the command line/,
  /-- Warning: column statistics not supported/,
]

/** Lines of a tool with exit 0 that speak of something missing, e.g. `mysqldump: Error: 'Access denied …`. */
export function complaintsOf(stderrTail: string): readonly string[] {
  return stderrTail
    .split('\n')
    .filter(line => /\b(error|warning|denied|couldn't|failed)\b/i.test(line))
    .filter(line => !harmless.some(pattern => pattern.test(line)))
}

/** Fails with `dump.warned` when stderr says that the dump is not whole. */
export function checkDumpStderr(stream: string, stderrTail: string): void {
  const complaints = complaintsOf(stderrTail)
  if (complaints.length > 0) throw new AppError('dump.warned', { context: { stream, warnings: complaints } })
}
