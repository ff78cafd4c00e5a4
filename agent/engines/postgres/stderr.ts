import { AppError } from '../../../shared/errors/index.ts'
import { presentable } from './presentable.ts'

/**
 * Warnings that leave the dump whole. Everything else a tool warns of with exit 0 fails the dump: objects it
 * could not dump are announced that way (trap: "zero exit, parts missing").
 */
const harmless: readonly RegExp[] = [
  /there are circular foreign-key constraints/,
  /could not resolve dependency loop among these items/,
  /archive items not in correct section order/,
]

/** Lines that stand for a problem: `pg_dump: warning: …`, `pg_restore: error: …`, without values of rows. */
export function complaintsOf(stderrTail: string): readonly string[] {
  return stderrTail
    .split('\n')
    .filter(line => /^\S*pg_\w+: (warning|error|WARNING|fatal)/.test(line))
    .filter(line => !harmless.some(pattern => pattern.test(line)))
    .map(presentable)
}

/** Fails with `dump.warned` when stderr says that the dump is not whole. */
export function checkDumpStderr(stream: string, stderrTail: string): void {
  const complaints = complaintsOf(stderrTail)
  if (complaints.length > 0) throw new AppError('dump.warned', { context: { stream, warnings: complaints } })
}
