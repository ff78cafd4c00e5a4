import { systemClock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Compression } from '../../shared/model/compression.ts'
import type { Codec } from '../../shared/model/engine.ts'
import type { ObjectKey, OpenUpload } from '../../shared/object-store/port.ts'
import type { ToolFinder } from '../engines/port.ts'
import {
  abortCause,
  ChildPeaks,
  type ChildRecord,
  type Command,
  type JoinEnd,
  type JoinedProcesses,
  type JoinedStage,
  joinProcesses,
  type StageResult,
} from '../process/index.ts'
import { demandEqual } from './accounting.ts'
import { type Encoding, planEncoding } from './encoding.ts'
import { demandFooter, footerStage, meterStages, type StreamTap, tapName, teeName } from './footer.ts'
import { type Meter, meterName } from './meter.ts'
import type { PartBudget } from './part-budget.ts'
import { partSizeFor } from './part-size.ts'
import { meterStuckAfter, Silence, silentError, silentStage, watchSilence } from './silence.ts'
import { type StageBytes, stageResults } from './stage-results.ts'
import type { Limit } from './throttle.ts'
import { through } from './through.ts'
import { ObjectWriter, type PartStore, type PendingObject } from './upload/object-writer.ts'

/** How long the abort of uploads may take on a failure path, ms: a signal of its own, never the one that ended the work. */
const abortTimeoutMs = 60_000

/** A stream whose bytes all lie in the store, parts uploaded and **not** completed. */
export interface StreamOutcome {
  readonly name: string
  readonly objects: readonly PendingObject[]
  readonly rawBytes: number
  readonly storedBytes: number
  readonly stages: readonly StageResult[]
  /** From its start to its last byte stored. */
  readonly durationMs: number
  /** The producer's last words, secrets removed. */
  readonly stderrTail: string
}

export interface BackupStreamRequest {
  readonly name: string
  readonly producer: Command
  /** The raw stream's last line must match it; for textual dumps. */
  readonly footer?: RegExp
  /**
   * Gets a copy of the raw stream on stdin, from its beginning; may end before the stream does, with status 0.
   * `take` is given what it says, all of it before this stream's outcome.
   */
  readonly tap?: StreamTap
  readonly codec: Codec
  /** Level, long mode and threads; absent: the defaults. */
  readonly codecOptions?: Omit<Compression, 'codec'>
  /** age recipients, public; none: the stream is stored as the codec made it. */
  readonly recipients?: readonly string[]
  /** Raw bytes expected, 0 for unknown. */
  readonly predictedBytes: number
  /** Key of the stream's object 0, 1, 2 …: it rolls at the store's part limit. */
  readonly keyOf: (objectIndex: number) => ObjectKey
  readonly store: PartStore
  readonly tools: ToolFinder
  readonly budget: PartBudget
  readonly signal: AbortSignal
  /** For tests; else from the prediction, 8 to 64 MiB. */
  readonly partSize?: number
  /** Awaited before the upload's first part (journal). */
  readonly onUploadOpened?: (upload: OpenUpload) => Promise<void>
  readonly onUploadClosed?: (upload: OpenUpload, how: 'aborted') => Promise<void>
  /** Raw bytes by the meter's last second, stored bytes by the last part. */
  readonly onProgress?: (progress: { readonly rawBytes: number; readonly storedBytes: number }) => void
  /** The last byte has come out of the last stage; what is left is to be stored. */
  readonly onDumped?: () => void
  /** The children just started, for the journal. */
  readonly onChildren?: (records: readonly ChildRecord[]) => void
  /** Holds bytes back before the uploader takes them, and with it the stages and the database. */
  readonly limit?: Limit
  /** A stream without a byte for so long is ended (`stage.silent`), ms. */
  readonly idleTimeoutMs?: number
  /** What every stage is started through (`startedThrough`). */
  readonly through?: readonly string[]
  /** How long children get between SIGTERM and SIGKILL, ms. */
  readonly graceMs?: number
  /** Seam for tests: see `joinProcesses`. */
  readonly betweenSpawns?: () => Promise<void>
}

/**
 * Runs one stream of a backup: `dump | meter [| tee] [| codec [| check]] [| age] | parts in the store` (architecture §7).
 * Resolves only when every stage closed with status 0, every byte is accounted for at every joint, the
 * footer stood at the end, and every part is stored (P2).
 *
 * @throws AppError of the first cause (`stage.*`, `dump.incomplete`, `object-store.*`, `tool.missing`,
 *   `interrupted`) after everything is closed and every upload it opened is aborted; `left_open` in the
 *   context names the uploads that could not be
 */
export async function backupStream(request: BackupStreamRequest): Promise<StreamOutcome> {
  const { store, signal, budget } = request
  if (signal.aborted) throw abortCause(signal)
  const startedAt = performance.now()
  const plan = await planStages(request)
  const partSize = request.partSize ?? partSizeFor(request.predictedBytes, store.capabilities, budget.total)
  const reservation = await budget.reserve(2 * partSize, signal)
  let joined: JoinedProcesses | undefined
  let storedBytes = 0
  const intake = new Intake(request, plan, cause => joined?.end(cause))
  const progress = () => request.onProgress?.({ rawBytes: plan.meter.passed, storedBytes })
  plan.onCount(() => {
    intake.metered()
    progress()
  })
  const writer = new ObjectWriter({
    ...request,
    partSize,
    onStored: bytes => {
      storedBytes = bytes
      progress()
    },
    onFailure: thrown => joined?.end(AppError.from(thrown, 'object-store.failed')),
  })
  try {
    await writer.open()
    joined = await joinProcesses({
      ...request,
      stages: plan.stages.map(stage => through(stage, request.through)),
      input: false,
      output: true,
      onChildren: records => {
        intake.watch(records)
        request.onChildren?.(records)
      },
    })
    const objects = await intake.drain(joined, writer)
    const end = await joined.ended
    if (end.cause !== undefined) throw end.cause
    const { rawBytes, bytesOf } = account(request, plan, end, writer.bytes)
    if (signal.aborted) throw abortCause(signal)
    return {
      name: request.name,
      objects,
      rawBytes,
      storedBytes: writer.bytes,
      stages: stageResults(end, bytesOf, intake.peaks),
      durationMs: Math.round(performance.now() - startedAt),
      stderrTail: end.stages[0]?.stderr.text ?? '',
    }
  } catch (thrown) {
    throw await unwound(thrown, joined, writer, signal)
  } finally {
    intake.stop()
    writer.close()
    reservation.release()
  }
}

interface Plan {
  readonly stages: readonly JoinedStage[]
  readonly meter: Meter
  readonly onCount: (listener: () => void) => void
  readonly encoding: Encoding
}

async function planStages(request: BackupStreamRequest): Promise<Plan> {
  const { tools } = request
  const { codec, codecOptions, recipients = [] } = request
  const encoding = await planEncoding({ ...codecOptions, codec }, recipients, tools)
  let counted: () => void = () => {}
  const { meter, stages: metered } = await meterStages(tools, request.tap, () => counted())
  const stages: JoinedStage[] = [{ command: request.producer }, ...metered]
  if (request.footer !== undefined) stages.push(await footerStage(tools))
  stages.push(...encoding.stages)
  return {
    stages,
    meter,
    encoding,
    onCount: listener => {
      counted = listener
    },
  }
}

/** Takes the last stage's bytes in: at the rate allowed, and not waiting for ever for a stage that says nothing. */
class Intake {
  readonly peaks = new ChildPeaks()
  readonly #request: BackupStreamRequest
  readonly #silence = new Silence(now())
  readonly #plan: Plan
  readonly #end: (cause: AppError) => void
  #records: readonly ChildRecord[] = []
  #watch: { stop(): void } | undefined
  #metered = 0
  #countedAt = now()

  constructor(request: BackupStreamRequest, plan: Plan, end: (cause: AppError) => void) {
    this.#request = request
    this.#plan = plan
    this.#end = end
  }

  /** The children just started. */
  watch(records: readonly ChildRecord[]): void {
    this.#records = records
    this.peaks.watch(records)
    const { idleTimeoutMs: limitMs } = this.#request
    if (limitMs === undefined || limitMs <= 0) return
    this.#countedAt = now()
    this.#silence.heard(now())
    this.#watch = watchSilence({
      silence: this.#silence,
      limitMs,
      clock: systemClock,
      onSilent: () => this.#end(silentError(this.#silent(), limitMs, this.#plan.meter.passed)),
    })
  }

  /** The meter counted; every second, also when nothing came. */
  metered(): void {
    this.peaks.glance()
    const bytes = this.#plan.meter.passed
    if (bytes > this.#metered && this.#silence.listening) this.#silence.heard(now())
    this.#metered = bytes
    this.#countedAt = now()
  }

  /** Premature ends are judged by the caller, by the stages' statuses. */
  async drain(joined: JoinedProcesses, writer: ObjectWriter): Promise<readonly PendingObject[]> {
    const { limit } = this.#request
    // a pipe that broke must not be waited for behind a throttle
    const broken = new AbortController()
    void joined.ended.then(({ cause }) => broken.abort(cause))
    const signal = AbortSignal.any([this.#request.signal, broken.signal])
    const store = (chunk: Buffer): Promise<void> | undefined => {
      this.#plan.encoding.take(chunk)
      return writer.write(chunk)
    }
    await joined.output?.drain(chunk => {
      this.peaks.glance()
      this.#silence.busy()
      const held = limit?.take(chunk.length, signal)
      const wait = held === undefined ? store(chunk) : held.then(() => store(chunk))
      if (wait !== undefined) return wait.then(() => this.#silence.heard(now()))
      this.#silence.heard(now())
      return undefined
    })
    this.#silence.busy()
    this.peaks.sample()
    this.#request.onDumped?.()
    return writer.finish()
  }

  stop(): void {
    this.#watch?.stop()
  }

  #silent(): string {
    const names = this.#plan.stages.map(({ command }) => command.name)
    return silentStage(names, this.#records, {
      name: meterName,
      bytes: this.#metered,
      stuck: this.#plan.meter.steady && now() - this.#countedAt >= meterStuckAfter,
    })
  }
}

function now(): number {
  return systemClock.now().mono
}

/** Holds every joint to account, and the footer; tells what each stage handled. */
function account(
  request: BackupStreamRequest,
  plan: Plan,
  end: JoinEnd,
  received: number,
): { readonly rawBytes: number; readonly bytesOf: ReadonlyMap<string, StageBytes> } {
  const { meter, encoding } = plan
  const bytesOf = new Map<string, StageBytes>()
  demandEqual(encoding.joints(end, { from: meterName, bytes: meter.bytes }, received, bytesOf))
  if (request.footer !== undefined) demandFooter(end.taps.get(teeName), request.footer, request.producer.name)
  const rawBytes = meter.bytes ?? 0
  bytesOf.set(request.producer.name, { bytesOut: rawBytes })
  bytesOf.set(meterName, { bytesIn: rawBytes, bytesOut: rawBytes, said: meter.said })
  for (const name of [teeName, tapName]) bytesOf.set(name, { bytesIn: rawBytes, bytesOut: rawBytes })
  return { rawBytes, bytesOf }
}

/** Ends and closes everything, aborts the uploads, and says why. */
async function unwound(
  thrown: unknown,
  joined: JoinedProcesses | undefined,
  writer: ObjectWriter,
  signal: AbortSignal,
): Promise<AppError> {
  let cause: AppError | undefined
  if (joined !== undefined) {
    const error = thrown instanceof AppError ? thrown : undefined
    // The output breaking off is a consequence: the pipe knows why.
    joined.end(error ?? AppError.from(thrown))
    cause = (await joined.ended).cause
  }
  const error = cause ?? (signal.aborted ? abortCause(signal) : AppError.from(thrown))
  const left = await writer.abort(AbortSignal.timeout(abortTimeoutMs))
  if (left.length === 0) return error
  return new AppError(error.code, {
    message: error.message,
    hint: error.traits.hint,
    context: { ...error.context, left_open: left.map(upload => upload.key) },
    cause: error,
  })
}
