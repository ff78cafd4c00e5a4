import { AppError } from '../../../shared/errors/index.ts'
import type { ObjectKey, OpenUpload } from '../../../shared/object-store/port.ts'
import { abortCause } from '../../process/index.ts'
import type { PartBudget } from '../part-budget.ts'
import type { Limit } from '../throttle.ts'
import { ObjectWriter, type PartStore, type PendingObject } from '../upload/object-writer.ts'
import type { StagedUploads } from './staged-uploads.ts'

/** How long the abort of uploads may take on a failure path, ms. */
const abortTimeoutMs = 60_000

export interface SendRequest {
  readonly staged: StagedUploads
  /** What the stream left in the staging folder. */
  readonly objects: readonly PendingObject[]
  readonly store: PartStore
  readonly keyOf: (objectIndex: number) => ObjectKey
  readonly budget: PartBudget
  readonly signal: AbortSignal
  readonly limit?: Limit
  readonly onUploadOpened?: (upload: OpenUpload) => Promise<void>
  readonly onUploadClosed?: (upload: OpenUpload, how: 'aborted') => Promise<void>
  /** Bytes of this stream stored so far. */
  readonly onStored?: (bytes: number) => void
}

/**
 * Uploads one staged stream in the parts it was staged in, as `backupStream` uploads one that never was: stored
 * and **not** completed. Every byte is accounted for between disk and store: sizes and hashes of the parts must be
 * those that were staged (P2). What is uploaded is removed from the folder.
 *
 * @throws AppError `object-store.*`, `stage.bytes-lost`, `interrupted`, after every upload it opened is aborted
 */
export async function sendStaged(request: SendRequest): Promise<readonly PendingObject[]> {
  const { staged, objects, signal, budget } = request
  if (signal.aborted) throw abortCause(signal)
  const partSize = Math.max(1, objects[0]?.parts[0]?.size ?? 0)
  const reservation = await budget.reserve(2 * partSize, signal)
  const failed = new AbortController()
  const writer = new ObjectWriter({
    ...request,
    partSize,
    onFailure: thrown => failed.abort(AppError.from(thrown, 'object-store.failed')),
  })
  const either = AbortSignal.any([signal, failed.signal])
  try {
    await writer.open()
    for (const object of objects)
      for await (const chunk of staged.read(object)) {
        if (either.aborted) throw abortCause(either)
        await request.limit?.take(chunk.length, either)
        await writer.write(chunk)
      }
    const sent = await writer.finish()
    demandSame(objects, sent)
    for (const object of objects) await staged.abortUpload(object)
    return sent
  } catch (thrown) {
    const error = signal.aborted ? abortCause(signal) : AppError.from(thrown)
    await writer.abort(AbortSignal.timeout(abortTimeoutMs))
    throw error
  } finally {
    writer.close()
    reservation.release()
  }
}

function demandSame(staged: readonly PendingObject[], sent: readonly PendingObject[]): void {
  const was = staged.flatMap(each => each.parts)
  const is = sent.flatMap(each => each.parts)
  const same =
    was.length === is.length &&
    was.every(({ size, sha256 }, index) => is[index]?.size === size && is[index].sha256 === sha256)
  if (same) return
  const bytes = (of: readonly PendingObject[]) => of.reduce((sum, each) => sum + each.size, 0)
  throw new AppError('stage.bytes-lost', {
    message: 'what was uploaded is not what was staged',
    context: {
      from: 'the staging folder',
      wrote_bytes: bytes(staged),
      to: 'the uploader',
      read_bytes: bytes(sent),
    },
  })
}
