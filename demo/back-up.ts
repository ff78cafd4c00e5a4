import { setTimeout as pause } from 'node:timers/promises'
import { bytes } from '../cli/print/units.ts'
import type { Stack } from '../test/harness/index.ts'
import type { Narrator } from './narrator.ts'

/** A backup, as `holdfast backup list -o json` tells of it. */
export interface ListedBackup {
  readonly backup_id: string
  readonly database_id: string
  readonly subject_name: string
  readonly scope: 'database' | 'cluster'
  readonly engine: string
  readonly started_at: number
  readonly committed_at: number
  readonly raw_bytes: number
  readonly stored_bytes: number
  readonly job_id: string
}

/** A database, as `holdfast database list -o json` tells of it. */
export interface ListedDatabase {
  readonly database_id: string
  readonly name: string
  readonly scope: 'database' | 'cluster'
  readonly engine: string
  readonly service: string
  readonly last_backup_id: string
  readonly protection: string
}

/** What was backed up. */
export interface BackedUp {
  readonly databases: readonly ListedDatabase[]
  readonly backups: readonly ListedBackup[]
}

/** A step that takes longer than this has gone wrong, ms. */
const patience = 150_000

/** Waits until the schedule has backed up everything, and tells of each backup as it comes. Throws when a job fails for good. */
export async function untilBackedUp(
  stack: Stack,
  expected: readonly string[],
  narrator: Narrator,
): Promise<BackedUp> {
  const told = new Set<string>()
  const deadline = performance.now() + patience
  for (;;) {
    const { databases } = await stack.ask<{ databases: ListedDatabase[] }>('database', 'list', '--all')
    const open = databases.filter(each => each.last_backup_id === '')
    const done = open.length === 0 && expected.every(name => databases.some(each => each.name === name))
    // A question costs as much as a small backup: ask more only when there is more to tell
    if (done || databases.some(each => each.last_backup_id !== '' && !told.has(each.last_backup_id))) {
      const { backups } = await stack.ask<{ backups: ListedBackup[] }>('backup', 'list', '--all')
      for (const backup of backups.filter(each => !told.has(each.backup_id)).reverse()) {
        told.add(backup.backup_id)
        narrator.fact(lineOf(backup))
      }
      if (done) return { databases, backups }
    } else await throwIfFailed(stack)
    if (performance.now() > deadline)
      throw new Error(
        `no backup within ${patience / 1_000} s of: ${open.map(each => each.name || 'globals').join(', ') || 'anything'}`,
      )
    await pause(750)
  }
}

function lineOf(backup: ListedBackup): string {
  const took = ((backup.committed_at - backup.started_at) / 1_000).toFixed(1)
  return `${backup.subject_name}: ${bytes(backup.raw_bytes)} dumped, ${bytes(backup.stored_bytes)} stored, ${took} s`
}

async function throwIfFailed(stack: Stack): Promise<void> {
  const { jobs } = await stack.ask<{ jobs: { job_id: string }[] }>('job', 'list', '--state', 'failed')
  const [failed] = jobs
  if (failed === undefined) return
  const { stdout } = await stack.holdfast('job', 'get', failed.job_id)
  throw new Error(`a job failed:\n${stdout}`)
}
