import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Census, CensusCounts } from '../../shared/model/census.ts'
import type { Manifest } from '../../shared/model/manifest.ts'
import { dataKey, objectName } from '../../shared/object-store/keys.ts'
import type { DumpSession } from '../engines/port.ts'
import { backupStream, codecChain, type PendingObject } from '../pipeline/index.ts'
import { crashPoint } from './crash-point.ts'
import type { DumpStreamsJob } from './dump-streams.ts'

/** Once the streams are done the count may go on for as long again, and for so long in any case, ms. */
const patienceMs = 10 * 60_000

/** What a count came to: what was counted, or why a person should know that nothing was. */
export interface CensusTaken {
  readonly counts?: CensusCounts
  readonly warning?: string
}

/** A count that goes on beside the streams of a dump. */
export interface Counting {
  /** Waits for it, now that the streams are done; never rejects. */
  taken(): Promise<CensusTaken>
  /** Ends it; resolves when nothing of it is left. */
  stop(): Promise<void>
}

/** No dump has a census that was not asked for, and some engines have none. */
const none: Counting = { taken: async () => ({}), stop: async () => {} }

/**
 * Begins to count what the dump's own snapshot holds (P5). A count that fails for a reason of its own takes nothing
 * with it: the backup is as good as it would be without, and its manifest says what is missing.
 */
export function beginCensus(
  dump: Pick<DumpSession, 'census' | 'broken'>,
  wanted: boolean,
  signal: AbortSignal,
  log: Log,
): Counting {
  if (!wanted || dump.census === undefined) return none
  const stop = new AbortController()
  const beganAt = performance.now()
  const signals = [signal, stop.signal, ...(dump.broken === undefined ? [] : [dump.broken])]
  const counting = dump.census(AbortSignal.any(signals)).then(
    (counts): CensusTaken => (counts === undefined ? {} : { counts }),
    (thrown: unknown): CensusTaken => {
      const error = AppError.from(stop.signal.aborted ? stop.signal.reason : thrown)
      if (!signal.aborted) log.warn('the census failed; the backup goes on without', { error })
      return { warning: withoutCensus(error) }
    },
  )
  return {
    async taken() {
      const limit = Math.max(patienceMs, performance.now() - beganAt)
      const timer = setTimeout(
        () => stop.abort(new AppError('interrupted', { message: 'counting took too long' })),
        limit,
      )
      try {
        return await counting
      } finally {
        clearTimeout(timer)
      }
    },
    async stop() {
      stop.abort(new AppError('interrupted', { message: 'the backup ended before its count' }))
      await counting
    },
  }
}

/** A stored census: what the manifest says of it, and what the commit protocol completes. */
export interface StoredCensus {
  readonly entry: NonNullable<Manifest['census']>
  readonly object: PendingObject
}

/** What storing a census uses. */
export interface StoreCensusJob
  extends Pick<
    DumpStreamsJob,
    'store' | 'codec' | 'codecOptions' | 'recipients' | 'place' | 'world' | 'voice'
  > {
  readonly database: string
  /** Private; what is counted is no more public than the dump. */
  readonly scratch: string
}

/**
 * Stores a census beside the streams, through the same codec and encryption; its upload is completed with theirs.
 *
 * @returns undefined with a warning when that cannot be done: the streams do not need it
 */
export async function storeCensus(
  counts: CensusCounts,
  job: StoreCensusJob,
): Promise<StoredCensus | { readonly warning: string }> {
  try {
    return await stored(counts, job)
  } catch (thrown) {
    const error = AppError.from(thrown)
    if (job.voice.signal.aborted) throw error
    job.world.log.warn('the census could not be stored; the backup goes on without', { error })
    return { warning: withoutCensus(error) }
  }
}

async function stored(counts: CensusCounts, job: StoreCensusJob): Promise<StoredCensus> {
  const { store, codec, codecOptions, recipients, place, world, voice } = job
  const census: Census = {
    format: 'holdfast.census',
    version: 1,
    attempt_id: place.attemptId,
    database: job.database,
    ...counts,
  }
  const bytes = Buffer.from(`${JSON.stringify(census)}\n`)
  const file = join(job.scratch, 'census.json')
  await writeFile(file, bytes, { mode: 0o600, flag: 'wx' })
  const { path } = await world.tools.find(['cat'], [], 'path')
  const codecs = codecChain(codec, recipients)
  const outcome = await backupStream({
    name: 'census',
    producer: { name: 'census', program: path, args: [file] },
    codec,
    ...(codecOptions === undefined ? {} : { codecOptions }),
    ...(recipients === undefined ? {} : { recipients }),
    predictedBytes: bytes.length,
    // one part, whose hash is the object's; encryption and a codec that gains nothing add a little
    partSize: Math.max(8 << 20, store.capabilities.minPartSize, bytes.length + (bytes.length >> 4) + 65_536),
    keyOf: index =>
      dataKey({ ...place, objectName: objectName({ name: 'census', format: 'json' }, codecs, index) }),
    store,
    tools: world.tools,
    budget: world.budget,
    signal: voice.signal,
    onUploadOpened: async upload => {
      crashPoint('after-upload-opened')
      voice.uploadOpened(upload.key, upload.uploadId)
    },
    onUploadClosed: async (upload, how) => voice.uploadClosed(upload.key, upload.uploadId, how),
  })
  const [object] = outcome.objects
  const [part] = object?.parts ?? []
  if (object === undefined || part === undefined || part.size !== object.size || outcome.objects.length > 1)
    throw new AppError('internal', { message: 'a census that is not one part' })
  return {
    object,
    entry: {
      key: object.key,
      size: String(object.size),
      sha256: part.sha256,
      codecs: [...codecs],
      raw_bytes: String(outcome.rawBytes),
    },
  }
}

function withoutCensus(error: AppError): string {
  return `no census, so a restore of it can only be tried, not compared: ${error.message} (${error.code})`
}
