import { AppError } from '../../../shared/errors/index.ts'
import type { ObjectKey, ObjectStore, OpenUpload } from '../../../shared/object-store/port.ts'
import { abortCause } from '../../process/index.ts'
import type { PartBudget } from '../part-budget.ts'
import type { Limit } from '../throttle.ts'
import { ObjectWriter, type PendingObject } from '../upload/object-writer.ts'
import type { StagedUploads } from './staged-uploads.ts'

/** How long the abort of uploads may take on a failure path, ms. */
const abortTimeoutMs = 60_000

export interface SendRequest {
  readonly staged: StagedUploads
  /** What the stream left in the staging folder. */
  readonly object: PendingObject
  readonly store: ObjectStore
  readonly keyOf: (objectIndex: number) => ObjectKey
  /** As it was staged with, so that the parts are the same. */
  readonly partSize: number
  readonly budget: PartBudget
  readonly signal: AbortSignal
  readonly limit?: Limit
  readonly onUploadOpened?: (upload: OpenUpload) => Promise<void>
  readonly onUploadClosed?: (upload: OpenUpload, how: 'aborted') => Promise<void>
  readonly onStored?: (bytes: number) => void
}

/**
 * Uploads one staged stream, as `backupStream` uploads one that was never staged: parts stored and **not**
 * completed. Every byte is accounted for between disk and store: size and hashes of the parts must be those that
 * were staged (P2).
 *
 * @throws AppError `object-store.*`, `stage.bytes-lost`, `interrupted`, after every upload it opened is aborted
 */
export async function sendStaged(request: SendRequest): Promise<readonly PendingObject[]> {
  const { staged, object, signal, budget, partSize } = request
  if (signal.aborted) throw abortCause(signal)
  const reservation = await budget.reserve(2 * partSize, signal)
  const failed = new AbortController()
  const writer = new ObjectWriter({
    ...request,
    onFailure: thrown => failed.abort(AppError.from(thrown, 'object-store.failed')),
  })
  const either = AbortSignal.any([signal, failed.signal])
  try {
    await writer.open()
    for await (const chunk of staged.read(object)) {
      if (either.aborted) throw abortCause(either)
      await request.limit?.take(chunk.length, either)
      await writer.write(chunk)
    }
    const objects = await writer.finish()
    demandSame(object, objects)
    await staged.abortUpload(object)
    return objects
  } catch (thrown) {
    const error = signal.aborted ? abortCause(signal) : AppError.from(thrown)
    await writer.abort(AbortSignal.timeout(abortTimeoutMs))
    throw error
  } finally {
    reservation.release()
  }
}

function demandSame(staged: PendingObject, sent: readonly PendingObject[]): void {
  const parts = sent.flatMap(each => each.parts)
  const same =
    parts.length === staged.parts.length &&
    parts.every(({ size, sha256 }, index) => {
      const was = staged.parts[index]
      return was?.size === size && was.sha256 === sha256
    })
  if (same) return
  throw new AppError('stage.bytes-lost', {
    message: 'what was uploaded is not what was staged',
    context: {
      from: 'the staging folder',
      wrote_bytes: staged.size,
      to: 'the uploader',
      read_bytes: sent.reduce((sum, each) => sum + each.size, 0),
    },
  })
}
