import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Destination } from '../../shared/model/destination.ts'
import { type ObjectStore, objectKey } from '../../shared/object-store/port.ts'
import { patiently } from './patience.ts'

const day = 86_400_000
/** A committed backup waits so long for its lock before it goes without, ms. */
const lockPatience = 600_000

/**
 * Puts the destination's Object Lock on a backup whose manifest was read back there: never earlier, or a failed
 * attempt would be locked for years (architecture §4). A journal that is rolled forward comes here again, and the
 * same lock twice is one. The backup is good without it (J7), so a lock that cannot be had is a warning.
 *
 * @param committedAt the lock counts from here, ms UTC
 * @returns the warning, when there is one
 * @throws only when the process leaves: the restart does it
 */
export async function lockBackup(
  destination: Destination,
  backup: { readonly keys: readonly string[]; readonly committedAt: number },
  store: Pick<ObjectStore, 'retain'>,
  context: { readonly clock: Clock; readonly log: Log },
  leaving: AbortSignal,
): Promise<string | undefined> {
  const lock = destination.settings?.objectLock
  if (lock === undefined) return undefined
  const retention = { mode: lock.mode, until: backup.committedAt + lock.days * day }
  try {
    await patiently(() => store.retain(backup.keys.map(objectKey), retention, leaving), {
      clock: context.clock,
      signal: leaving,
      giveUpAfter: lockPatience,
      onRetry: error => context.log.warn('locking a backup is tried again', { error }),
    })
    return undefined
  } catch (thrown) {
    const error = AppError.from(thrown)
    if (leaving.aborted) throw error
    context.log.error('a backup was stored and could not be locked', { destination: destination.name, error })
    return `stored in ${destination.name} without its Object Lock: ${error.message}`
  }
}
