import { availableParallelism } from 'node:os'
import { AppError } from '../../shared/errors/index.ts'
import type { Compression } from '../../shared/model/compression.ts'
import type { Codec } from '../../shared/model/engine.ts'
import { type AttemptPlace, dataKey, objectName } from '../../shared/object-store/keys.ts'
import type { DumpSession, DumpStream } from '../engines/port.ts'
import {
  type BackupStreamRequest,
  backupStream,
  codecChain,
  type PartStore,
  type StreamOutcome,
} from '../pipeline/index.ts'
import { crashPoint } from './crash-point.ts'
import { explained } from './explained.ts'
import type { AttemptVoice, Surroundings } from './surroundings.ts'
import { Tally } from './tally.ts'
import { together } from './together.ts'
import type { Transfer } from './transfer.ts'

/** What the streams of a dump are run with. */
export interface DumpStreamsJob {
  readonly dump: DumpSession
  readonly store: PartStore
  readonly codec: Codec
  /** Level, long mode, threads. */
  readonly codecOptions?: Omit<Compression, 'codec'>
  /** age recipients; none: not encrypted. */
  readonly recipients?: readonly string[]
  /** Raw bytes of the whole dump as the coordinator predicts them, 0 when unknown. */
  readonly predicted: number
  readonly place: AttemptPlace
  readonly world: Surroundings
  readonly voice: AttemptVoice
  readonly transfer?: Transfer
}

/** The same for one of them. */
interface StreamJob extends DumpStreamsJob {
  readonly signal: AbortSignal
  readonly letNext: () => void
}

/**
 * Runs every stream of an opened dump, in the phases the engine asks for: a stream that is `alone` has the dump
 * to itself, others run beside each other as far as the session allows. Each is verified, then the session gives
 * its account of all. The first failure, or the session's `broken`, ends all others: what is thrown comes after
 * everything was closed and every upload of an unfinished stream aborted (those of finished streams go with the
 * attempt's prefix, finish.ts).
 *
 * @returns outcomes in the order of `dump.streams`
 */
export async function dumpStreams(job: DumpStreamsJob): Promise<readonly StreamOutcome[]> {
  const { dump, voice } = job
  const expected = dump.streams.reduce((sum, stream) => sum + stream.predictedBytes, 0)
  const predicted = Math.max(job.predicted, expected)
  const tally = new Tally(voice, { predictedRawBytes: predicted })
  const signal = dump.broken === undefined ? voice.signal : AbortSignal.any([voice.signal, dump.broken])
  const outcomes: StreamOutcome[] = []
  voice.touching()
  try {
    for (const phase of phasesOf(dump.streams)) {
      const tasks = phase.map(
        stream => (signal: AbortSignal, letNext: () => void) =>
          runStream(stream, { ...job, predicted, signal, letNext }, tally),
      )
      const room = () => job.world.yielding?.room()
      outcomes.push(...(await together(tasks, dump.concurrency ?? 1, signal, room)))
    }
    signal.throwIfAborted()
    await dump.account?.()
  } catch (thrown) {
    // a stream that ended because the session broke complains of the consequence
    throw dump.broken?.aborted === true && !voice.signal.aborted ? AppError.from(dump.broken.reason) : thrown
  }
  return outcomes
}

/** Streams in runs of what may go on at the same time; one that is `alone` is a run of itself. */
function phasesOf(streams: readonly DumpStream[]): readonly (readonly DumpStream[])[] {
  const phases: DumpStream[][] = []
  let open: DumpStream[] | undefined
  for (const stream of streams) {
    if (stream.alone === true) {
      phases.push([stream])
      open = undefined
    } else if (open === undefined) {
      open = [stream]
      phases.push(open)
    } else open.push(stream)
  }
  return phases
}

async function runStream(stream: DumpStream, job: StreamJob, tally: Tally): Promise<StreamOutcome> {
  const { dump } = job
  try {
    const outcome = await backupStream(requestOf(stream, job, tally)).catch((thrown: unknown) => {
      throw explained(
        thrown,
        tail => dump.diagnose(stream, tail),
        tail => dump.presentable?.(tail) ?? tail,
      )
    })
    await verified(dump, stream, outcome)
    tally.progress(stream.name, { rawBytes: outcome.rawBytes, storedBytes: outcome.storedBytes })
    return outcome
  } finally {
    tally.ended(stream.name)
  }
}

/**
 * Compressors beside each other take one core each, not all of them each: threads of one wait for its dump anyway,
 * and cost the others their turn. Of the codecs only zstd takes more than one by itself.
 */
function fairShare(
  stream: DumpStream,
  { concurrency = 1 }: DumpSession,
  codec: Codec,
): { readonly threads?: number } {
  if (codec !== 'zstd' || stream.alone === true || concurrency < 2) return {}
  return { threads: Math.max(1, Math.floor(availableParallelism() / concurrency)) }
}

/** One stream as the pipeline is asked for it. */
function requestOf(
  stream: DumpStream,
  {
    dump,
    store,
    codec,
    codecOptions,
    recipients,
    predicted,
    place,
    world,
    voice,
    signal,
    letNext,
    transfer,
  }: StreamJob,
  tally: Tally,
): BackupStreamRequest {
  return {
    ...transfer,
    name: stream.name,
    producer: stream.command,
    ...(stream.footer === undefined ? {} : { footer: stream.footer }),
    ...(stream.tap === undefined ? {} : { tap: stream.tap }),
    codec,
    codecOptions: { ...fairShare(stream, dump, codec), ...codecOptions },
    ...(recipients === undefined ? {} : { recipients }),
    predictedBytes: stream.predictedBytes > 0 ? stream.predictedBytes : predicted,
    keyOf: index =>
      dataKey({ ...place, objectName: objectName(stream, codecChain(codec, recipients), index) }),
    store,
    tools: world.tools,
    budget: world.budget,
    signal,
    onUploadOpened: async upload => {
      crashPoint('after-upload-opened')
      voice.uploadOpened(upload.key, upload.uploadId)
    },
    onUploadClosed: async (upload, how) => voice.uploadClosed(upload.key, upload.uploadId, how),
    // the database and its cores are free for the next one while the last parts are on their way
    onDumped: letNext,
    onProgress: now => tally.progress(stream.name, now),
    onChildren: records => tally.children(stream.name, records),
  }
}

async function verified(dump: DumpSession, stream: DumpStream, outcome: StreamOutcome): Promise<void> {
  try {
    await dump.verify(stream, outcome.stderrTail)
  } catch (thrown) {
    throw AppError.from(thrown, 'stage.failed', { stage: stream.name })
  }
}
