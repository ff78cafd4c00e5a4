import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors/index.ts'

/** The state folder, held by this process alone. */
export interface StateLock {
  close(): void
}

/** The locks of this process: one that only its caller knew would end when the garbage collector came by. */
const held = new Set<DatabaseSync>()

/**
 * Takes the state folder for this process. The lock is an exclusive transaction on a small SQLite file, held
 * for life: the kernel frees it when the process dies in any way, and a stopped process still holds it
 * (facts-runtime §3 B4), so no pid has to be believed.
 *
 * @throws AppError `agent.state-locked`, or `agent.state-unwritable`
 */
export function lockStateFolder(folder: string): StateLock {
  const path = join(folder, 'lock')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
    // the journal of a lock file is worth nothing
    database.exec('PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; BEGIN EXCLUSIVE')
  } catch (thrown) {
    database?.close()
    const busy = (thrown as { readonly errcode?: number }).errcode === 5
    throw new AppError(busy ? 'agent.state-locked' : 'agent.state-unwritable', {
      context: { path: folder, ...(busy ? {} : { detail: String((thrown as Error).message) }) },
      cause: thrown,
    })
  }
  const lock = database
  held.add(lock)
  return {
    close: () => {
      if (held.delete(lock)) lock.close()
    },
  }
}
