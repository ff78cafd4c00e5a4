import { setTimeout as pause } from 'node:timers/promises'
import type { Stack } from '../test/harness/index.ts'
import type { BackedUp } from './back-up.ts'
import type { Narrator } from './narrator.ts'

/** A verification, as `holdfast verification list -o json` tells of it. */
interface ListedVerification {
  readonly subject_name: string
  readonly backup_id: string
  readonly verdict: string
  readonly tables: number
  readonly rows: number
  readonly restore_ms: number
  readonly server_version: string
}

/** A proof that takes longer than this has gone wrong, ms. */
const patience = 150_000

/**
 * Waits until each backup of a database was proven, which its policy asks for and nobody else: restored into a server
 * that lives for that only, and compared with what the dump's snapshot held. Returns how many; throws when one is not.
 */
export async function untilProven(
  stack: Stack,
  { databases }: BackedUp,
  narrator: Narrator,
): Promise<number> {
  const wanted = databases.filter(each => each.scope === 'database').map(each => each.last_backup_id)
  const told = new Set<string>()
  const deadline = performance.now() + patience
  for (;;) {
    const { verifications } = await stack.ask<{ verifications: ListedVerification[] }>(
      ...['verification', 'list', '--all'],
    )
    for (const each of verifications.filter(({ backup_id: id }) => !told.has(id)).reverse()) {
      if (each.verdict !== 'verified')
        throw new Error(`the backup of ${each.subject_name} is not proven: ${JSON.stringify(each)}`)
      told.add(each.backup_id)
      narrator.fact(lineOf(each))
    }
    const open = wanted.filter(id => !told.has(id))
    if (open.length === 0) return wanted.length
    if (performance.now() > deadline) {
      const { stdout } = await stack.look('gap', 'list')
      throw new Error(`no proof within ${patience / 1_000} s of ${open.join(', ')}:\n${stdout}`)
    }
    await pause(500)
  }
}

function lineOf({
  subject_name: name,
  tables,
  rows,
  restore_ms: ms,
  server_version: version,
}: ListedVerification) {
  const took = (ms / 1_000).toFixed(1)
  return `${name}: restored in ${took} s into a server ${version} of its own: ${tables} tables, ${rows.toLocaleString('en')} rows, as the snapshot held`
}
