import type { Stack } from '../test/harness/index.ts'
import type { BackedUp } from './back-up.ts'
import type { Narrator } from './narrator.ts'

/** Asks what an operator asks, and shows commands and answers as they are. Throws when one of them exits otherwise than it must. */
export async function showTour(stack: Stack, { backups }: BackedUp, narrator: Narrator): Promise<void> {
  const largest = backups.toSorted((a, b) => b.raw_bytes - a.raw_bytes)[0]
  const commands: readonly (readonly string[])[] = [
    ['status'],
    ['gap', 'list'],
    ['instance', 'list'],
    ['agent', 'list'],
    ['database', 'list'],
    ['backup', 'list'],
    ...(largest === undefined ? [] : [['backup', 'get', largest.backup_id]]),
    ['verification', 'list'],
    ['job', 'list'],
    ...(largest === undefined ? [] : [['job', 'explain', largest.job_id]]),
    ['audit', 'list', '--limit', '8'],
    ['audit', 'verify'],
  ]
  for (const command of commands) {
    const { stdout, stderr, code } = await stack.holdfast(...command)
    if (code !== 0) throw new Error(`holdfast ${command.join(' ')} exited ${code}:\n${stdout}${stderr}`)
    narrator.shown(`holdfast ${command.join(' ')}`, stdout)
  }
}
