import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../../shared/errors/index.ts'

// A lock that nobody refers to any more would be collected, and with it given up: seen in a test
const held = new Set<DatabaseSync>()

/**
 * Makes this process the only one on a SQLite store: holds `begin exclusive` on a sibling database for life.
 * Refused while the holder lives or is stopped, free after a kill -9 (facts-runtime B4). Nobody else in this
 * process may open and close that file: POSIX drops a process's locks with the first descriptor it closes.
 *
 * @throws AppError `store.locked`, or `store.unavailable` when the file cannot be opened
 */
export function holdFileLock(path: string): { release(): void } {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { timeout: 0 })
    db.exec('begin exclusive')
  } catch (thrown) {
    db?.close()
    const busy = thrown instanceof Error && 'errcode' in thrown && thrown.errcode === 5
    throw new AppError(busy ? 'store.locked' : 'store.unavailable', { context: { path }, cause: thrown })
  }
  const lock = db
  held.add(lock)
  return {
    release: () => {
      if (held.delete(lock)) lock.close()
    },
  }
}
