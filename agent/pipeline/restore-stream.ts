import type { Writable } from 'node:stream'
import { AppError } from '../../shared/errors/index.ts'
import type { StreamCodec } from '../../shared/model/engine.ts'
import type { ManifestObject } from '../../shared/model/manifest.ts'
import type { ToolFinder } from '../engines/port.ts'
import {
  abortCause,
  type ChildRecord,
  type Command,
  type JoinEnd,
  type JoinedProcesses,
  type JoinedStage,
  joinProcesses,
  type StageResult,
} from '../process/index.ts'
import { demandEqual, type Joint } from './accounting.ts'
import { type Decoding, decryptionFailure, planDecoding } from './decoding.ts'
import type { ObjectSource } from './download/copy-sources.ts'
import { verifiedParts } from './download/verified-parts.ts'
import { Meter, meterName } from './meter.ts'
import type { PartBudget } from './part-budget.ts'
import { type StageBytes, stageResults } from './stage-results.ts'

export interface RestoreStreamRequest {
  readonly objects: readonly ManifestObject[]
  /** As the manifest has them; undone in reverse. */
  readonly codecs: readonly StreamCodec[]
  /** Files of age identities, for an encrypted stream. */
  readonly identities?: readonly string[]
  /** What the manifest says the raw stream was, bytes. */
  readonly rawBytes: number
  readonly consumer: Command
  /** One store, or several copies (`CopySources`). */
  readonly store: ObjectSource
  readonly tools: ToolFinder
  /** From which the stream takes its two parts before it starts; without one it takes them uncounted. */
  readonly budget?: PartBudget
  readonly signal: AbortSignal
  readonly onProgress?: (progress: { readonly rawBytes: number; readonly storedBytes: number }) => void
  readonly onChildren?: (records: readonly ChildRecord[]) => void
  readonly graceMs?: number
  /** Seam for tests: see `joinProcesses`. */
  readonly betweenSpawns?: () => Promise<void>
}

export interface RestoreOutcome {
  readonly rawBytes: number
  readonly stages: readonly StageResult[]
  /** The consumer's last words, secrets removed. */
  readonly stderrTail: string
}

/**
 * Runs one stream of a restore: `parts from the store [| age -d] [| zstd -d] | meter | consumer`. Each part is verified
 * before it is passed on; resolves only when every stage closed with status 0, the raw bytes are those of
 * the manifest, and the consumer left nothing unread.
 *
 * @throws AppError of the first cause (`backup.corrupt`, `backup.incomplete`, `stage.*`, `object-store.*`,
 *   `tool.missing`, `interrupted`) after everything is closed
 */
export async function restoreStream(request: RestoreStreamRequest): Promise<RestoreOutcome> {
  const { tools, signal, consumer } = request
  if (signal.aborted) throw abortCause(signal)
  let storedBytes = 0
  const meter = new Meter(rawBytes => request.onProgress?.({ rawBytes, storedBytes }))
  const pv = await tools.find(['pv'], [], 'path')
  const decoding = await planDecoding(request.codecs, request.identities ?? [], tools)
  const stages: JoinedStage[] = [...decoding.stages]
  stages.push({
    command: Meter.command(pv.path),
    onStderr: chunk => meter.read(chunk),
  })
  stages.push({ command: consumer })

  // one part is passed on while the next one is read; more are read when the budget has them to spare
  const largest = request.objects
    .flatMap(({ parts }) => parts)
    .reduce((most, { size }) => Math.max(most, size), 0)
  const reservation = await request.budget?.reserve(2 * largest, signal)
  const parts = verifiedParts(request.objects, request.store, signal, request.budget)
  let joined: JoinedProcesses | undefined
  try {
    // The first part is there and right before anything is started in the target.
    const first = await parts.next()
    joined = await joinProcesses({ ...request, stages, input: true, output: false })
    storedBytes = await feed(joined, first, parts, (bytes, chunk) => {
      decoding.take(chunk)
      storedBytes = bytes
      request.onProgress?.({ rawBytes: meter.bytes ?? 0, storedBytes })
    })
    const end = await joined.ended
    if (end.cause !== undefined) throw end.cause
    const bytesOf = account(request, decoding, meter, end, storedBytes)
    if (signal.aborted) throw abortCause(signal)
    return {
      rawBytes: request.rawBytes,
      stages: stageResults(end, bytesOf),
      stderrTail: end.stages.find(({ name }) => name === consumer.name)?.stderr.text ?? '',
    }
  } catch (thrown) {
    const error = thrown instanceof AppError ? thrown : undefined
    joined?.end(error ?? AppError.from(thrown, 'restore.failed'))
    const end = await joined?.ended
    throw decryptionFailure(end?.cause ?? (signal.aborted ? abortCause(signal) : AppError.from(thrown)), end)
  } finally {
    await parts.return(undefined).catch(() => {})
    reservation?.release()
  }
}

/** Writes the parts into the first stage at its pace; resolves with the bytes handed over, input closed. */
async function feed(
  joined: JoinedProcesses,
  first: IteratorResult<Buffer>,
  parts: AsyncGenerator<Buffer>,
  onFed: (bytes: number, chunk: Buffer) => void,
): Promise<number> {
  const { input } = joined
  let fed = 0
  for (let item = first; item.done !== true; item = await parts.next()) {
    if (!(await written(input, item.value))) return fed
    fed += item.value.length
    onFed(fed, item.value)
  }
  input?.end()
  return fed
}

/** Resolves once the bytes left this process; false when the reader is gone, whose status then says why. */
function written(input: Writable | undefined, bytes: Buffer): Promise<boolean> {
  return new Promise(resolve => {
    if (input === undefined || input.destroyed) return resolve(false)
    const onClose = () => resolve(false)
    input.once('close', onClose)
    input.write(bytes, failure => {
      input.off('close', onClose)
      resolve(failure === undefined || failure === null)
    })
  })
}

function account(
  request: RestoreStreamRequest,
  decoding: Decoding,
  meter: Meter,
  end: JoinEnd,
  fed: number,
): ReadonlyMap<string, StageBytes> {
  const stored = request.objects.reduce((sum, object) => sum + Number(object.size), 0)
  const bytesOf = new Map<string, StageBytes>()
  const joints: Joint[] = [{ from: 'the store', wrote: stored, to: 'the downloader', read: fed }]
  joints.push(...decoding.joints(end, fed, { name: meterName, read: meter.bytes }, bytesOf))
  joints.push({ from: meterName, wrote: meter.bytes, to: 'the manifest', read: request.rawBytes })
  demandEqual(joints)
  bytesOf.set(meterName, { bytesIn: request.rawBytes, bytesOut: request.rawBytes, said: meter.said })
  bytesOf.set(request.consumer.name, { bytesIn: request.rawBytes })
  return bytesOf
}
