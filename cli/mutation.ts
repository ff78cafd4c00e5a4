import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'

/** The options every mutation has. */
export function mutating(command: Command): Command {
  return command
    .option('--reason <text>', 'why; goes into the audit', '')
    .option('--request-id <id>', 'repeat a request safely: the same id gives the same answer')
}

/** The same for verbs that can take a second person. */
export function approvable(command: Command): Command {
  return mutating(command).option(
    '--approval <id>',
    'a granted approval, where this takes a second person',
    '',
  )
}

/** Idempotency key, reason and approval of such a verb. */
export function approvableOf(options: Readonly<Record<string, string | boolean | undefined>>) {
  return { ...mutationOf(options), approval: String(options.approval ?? '') }
}

/** Idempotency key and reason of a mutation. */
export function mutationOf(options: Readonly<Record<string, string | boolean | undefined>>): {
  requestId: string
  reason: string
} {
  return { requestId: String(options.requestId ?? randomUUID()), reason: String(options.reason ?? '') }
}
