import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { ObjectStore } from '../../shared/object-store/port.ts'

/** How long the clean-up of one attempt may take, ms; with a signal of its own, never the one that ended it. */
const timeoutMs = 120_000

/** Who is told of it. */
export interface RollBackOptions {
  readonly log: Log
  readonly onAborted?: (key: string, uploadId: string) => void
}

/**
 * Takes an attempt back: aborts every multipart under its prefix, not only those written down (the reply of a
 * Create may have been lost), and tells what finished objects lie there. Those are debris: this agent may not
 * be allowed to delete, so a keeper does.
 *
 * @returns keys of finished objects
 */
export async function rollBack(
  store: ObjectStore,
  prefix: string,
  options: RollBackOptions,
): Promise<string[]> {
  if (prefix === '') return []
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    return await rolledBack(store, prefix, signal, options)
  } catch (thrown) {
    // out of time is a store that does not answer, not somebody's wish
    if (signal.aborted)
      throw new AppError('object-store.unreachable', {
        context: { prefix, detail: 'timed out' },
        cause: thrown,
      })
    throw thrown
  }
}

async function rolledBack(
  store: ObjectStore,
  prefix: string,
  signal: AbortSignal,
  options: RollBackOptions,
): Promise<string[]> {
  for await (const upload of store.listUploads(prefix, signal)) {
    await store.abortUpload(upload, signal)
    options.onAborted?.(upload.key, upload.uploadId)
    options.log.info('an open upload of a failed attempt was aborted', { key: upload.key })
  }
  const debris: string[] = []
  for await (const { key } of store.list(prefix, signal)) debris.push(key)
  return debris
}
