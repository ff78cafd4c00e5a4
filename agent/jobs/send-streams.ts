import { dataKey, objectName } from '../../shared/object-store/keys.ts'
import { codecChain, type PartStore, type StreamOutcome } from '../pipeline/index.ts'
import { type Staging, sendStaged } from '../pipeline/staging/index.ts'
import { crashPoint } from './crash-point.ts'
import type { DumpStreamsJob } from './dump-streams.ts'
import type { AttemptVoice } from './surroundings.ts'

/**
 * The voice of a dump that is being staged: nothing of it lies in a store, so nothing is said of uploads and stored
 * bytes yet.
 */
export function stagingVoice(voice: AttemptVoice): AttemptVoice {
  return {
    ...voice,
    touching: () => {},
    uploadOpened: () => {},
    uploadClosed: () => {},
    progress: ({ stage, ...progress }) =>
      voice.progress({ ...progress, stage: `staging ${stage}`, storedBytes: 0 }),
  }
}

/**
 * Uploads what was staged, stream by stream: the second half of a staged backup, with the database out of it.
 *
 * @returns the outcomes with the objects of the store
 * @throws AppError as `sendStaged`
 */
export async function sendStreams(
  outcomes: readonly StreamOutcome[],
  staging: Staging,
  { dump, codec, recipients, place, world, voice, transfer }: Omit<DumpStreamsJob, 'store'>,
  store: PartStore,
): Promise<readonly StreamOutcome[]> {
  const rawBytes = outcomes.reduce((sum, each) => sum + each.rawBytes, 0)
  const total = outcomes.reduce((sum, each) => sum + each.storedBytes, 0)
  const sent: StreamOutcome[] = []
  let before = 0
  voice.touching()
  for (const [index, outcome] of outcomes.entries()) {
    const stream = dump.streams[index]
    if (stream === undefined) continue
    const progress = (bytes: number) =>
      voice.progress({
        stage: `uploading ${outcome.name}`,
        rawBytes,
        storedBytes: before + bytes,
        predictedRawBytes: rawBytes,
        work: { done: before + bytes, of: total },
      })
    progress(0)
    const startedAt = performance.now()
    const objects = await sendStaged({
      staged: staging.uploads,
      objects: outcome.objects,
      store,
      keyOf: each =>
        dataKey({ ...place, objectName: objectName(stream, codecChain(codec, recipients), each) }),
      budget: world.budget,
      signal: voice.signal,
      ...(transfer?.limit === undefined ? {} : { limit: transfer.limit }),
      onUploadOpened: async upload => {
        crashPoint('after-upload-opened')
        voice.uploadOpened(upload.key, upload.uploadId)
      },
      onUploadClosed: async (upload, how) => voice.uploadClosed(upload.key, upload.uploadId, how),
      onStored: progress,
    })
    before += outcome.storedBytes
    sent.push({
      ...outcome,
      objects,
      durationMs: outcome.durationMs + Math.round(performance.now() - startedAt),
    })
  }
  return sent
}
