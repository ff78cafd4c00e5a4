import { type Strategy, strategies } from '../../shared/model/engine.ts'
import type { ManifestObserved } from '../../shared/model/manifest.ts'
import type { BackupSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { StreamOutcome } from '../pipeline/index.ts'
import type { PressableStore } from '../pipeline/upload/fan-out-store.ts'
import { beginCensus, type CensusTaken, type Counting } from './census.ts'
import { type DumpStreamsJob, dumpStreams } from './dump-streams.ts'
import { sendStreams, stagingVoice } from './send-streams.ts'
import { chooseStrategy, type Decided } from './strategy.ts'
import type { AttemptVoice } from './surroundings.ts'
import { type Transfer, transferOf } from './transfer.ts'

/** What policy says of the way the bytes take. */
export type WayOfBytes = Pick<BackupSpec, 'strategy' | 'maxRate' | 'idleTimeoutMs' | 'predictedStoredBytes'>

export interface StoreStreamsJob extends Omit<DumpStreamsJob, 'store' | 'transfer'> {
  readonly store: PressableStore
  readonly way: WayOfBytes
  /** Ends the dump session early, once nothing is read from the database any more. Never rejects. */
  readonly closeDump: () => Promise<void>
  /** The rows are to be counted beside the streams (P5). */
  readonly census: boolean
}

/** All streams stored, nothing completed; and what that took. */
export interface StoredStreams {
  readonly outcomes: readonly StreamOutcome[]
  readonly observed: ManifestObserved
  readonly census: CensusTaken
}

/** The strategy a policy asks for; a word of a newer coordinator is streamed. */
export function askedStrategy({ strategy }: Pick<WayOfBytes, 'strategy'>): Strategy {
  return strategies.find(each => each === strategy) ?? 'streaming'
}

/**
 * Brings the streams of an opened dump into the store, straight or over the staging folder (architecture §7).
 * Staged: all streams into the folder, the database left alone, then all of them up; the folder is gone at the
 * end, whatever the end.
 *
 * @throws AppError `staging.low-space` before the first byte, `staging.full`, and as `dumpStreams` and `sendStaged`
 */
export async function storeStreams(job: StoreStreamsJob): Promise<StoredStreams> {
  const { dump, world, store, way, voice } = job
  const predicted = Math.max(
    job.predicted,
    dump.streams.reduce((sum, stream) => sum + stream.predictedBytes, 0),
  )
  const transfer = await transferOf(way, world)
  const asked = askedStrategy(way)
  const decided = await chooseStrategy(
    {
      asked,
      codec: job.codec,
      predictedRawBytes: predicted,
      predictedStoredBytes: way.predictedStoredBytes,
    },
    world.staging,
    world.log,
  )
  if (asked !== 'streaming') world.log.info('how the bytes go', { ...decided })
  const counting: AttemptVoice = {
    ...voice,
    progress: progress => voice.progress({ ...progress, retries: store.retries ?? 0 }),
  }
  const begun = world.clock.now().mono
  const yieldedBefore = world.yielding?.yieldedMs
  const census = beginCensus(job.dump, job.census, voice.signal, world.log)
  let outcomes: readonly StreamOutcome[]
  try {
    outcomes = await travelled({ ...job, voice: counting }, decided, transfer, census)
  } finally {
    await census.stop()
  }
  const memory = voice.memory?.()
  return {
    outcomes,
    census: await census.taken(),
    observed: {
      strategy: decided.strategy,
      strategy_reason: decided.reason,
      duration_ms: Math.max(0, Math.round(world.clock.now().mono - begun)),
      retries: store.retries ?? 0,
      ...(yieldedBefore === undefined
        ? {}
        : { yielded_ms: Math.round((world.yielding?.yieldedMs ?? 0) - yieldedBefore) }),
      peak_rss_bytes: { agent: String(memory?.agent ?? 0), children: String(memory?.children ?? 0) },
    },
  }
}

async function travelled(
  job: StoreStreamsJob,
  decided: Decided,
  transfer: Transfer,
  census: Counting,
): Promise<readonly StreamOutcome[]> {
  const { world, store, voice, place } = job
  const { staging: area } = world
  if (decided.strategy === 'streaming' || area === undefined) {
    const outcomes = await dumpStreams({ ...job, transfer })
    await census.taken()
    return outcomes
  }
  await using staging = await area.open(place.attemptId, decided.space.predictedBytes, store.capabilities)
  // a disk is no slower for a limit that is meant for the way to the store
  const { limit: _, ...unlimited } = transfer
  const outcomes = await dumpStreams({
    ...job,
    store: staging.uploads,
    voice: stagingVoice(voice),
    transfer: unlimited,
  })
  await census.taken()
  await job.closeDump()
  // awaited here: the folder goes when this function is left
  return await sendStreams(outcomes, staging, { ...job, transfer }, store)
}
