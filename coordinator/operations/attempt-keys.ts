import { type AttemptId, isId } from '../../shared/model/identifiers.ts'
import { dataPrefix, manifestPrefix } from '../../shared/object-store/keys.ts'

const attemptInKey = /att_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g

/**
 * The attempt a key or prefix belongs to: every key of format v1 carries the id of the attempt that made it,
 * once. Undefined when it names none or several: then nobody may delete it.
 */
export function attemptInPath(path: string): AttemptId | undefined {
  const found = new Set(path.match(attemptInKey))
  const [only] = found
  return found.size === 1 && only !== undefined && isId('attempt', only) ? only : undefined
}

/**
 * Whether a prefix is the whole folder of one attempt: it lies among the data and ends in the attempt's id, so
 * that nothing of another attempt begins with it.
 */
export function isAttemptPrefix(prefix: string, attemptId: AttemptId): boolean {
  return (
    prefix.startsWith(dataPrefix) &&
    prefix.endsWith(`${attemptId}/`) &&
    attemptInPath(prefix) === attemptId &&
    !prefix.includes('/../')
  )
}

/** Whether a key is where the manifest of an attempt lies. */
export function isManifestKey(key: string, attemptId: AttemptId): boolean {
  return key.startsWith(manifestPrefix) && key.endsWith(`/${attemptId}.json`)
}
