import type { Manifest, ManifestStream } from '../../shared/model/manifest.ts'
import type { RestoreSession } from '../engines/port.ts'
import type { ObjectSource } from '../pipeline/download/copy-sources.ts'
import { restoreStream } from '../pipeline/index.ts'
import { explained } from './explained.ts'
import type { AttemptVoice, Surroundings } from './surroundings.ts'
import { Tally } from './tally.ts'
import { together } from './together.ts'

/** A restore under way: what is read, from where, into what. */
export interface Restoring {
  readonly session: RestoreSession
  readonly manifest: Manifest
  /** Files of age identities, while the restore lasts. */
  readonly identities: readonly string[]
  readonly store: ObjectSource
  readonly world: Surroundings
  readonly voice: AttemptVoice
}

/**
 * Restores every stream, phase by phase; those of one phase beside each other, the largest first. The first
 * failure ends all others.
 */
export async function restoreStreams({
  session,
  manifest,
  identities,
  store,
  world,
  voice,
}: Restoring): Promise<number> {
  const tally = new Tally(voice, totals(manifest))
  for (const phase of phasesOf(session, manifest)) {
    const tasks = phase.map(
      stream => (signal: AbortSignal) =>
        restoreOne(stream, { session, identities, store, world, signal }, tally).finally(() =>
          tally.ended(stream.name),
        ),
    )
    await together(tasks, session.concurrency ?? 1, voice.signal)
  }
  return tally.rawBytes
}

async function restoreOne(
  stream: ManifestStream,
  {
    session,
    identities,
    store,
    world,
    signal,
  }: Pick<Restoring, 'session' | 'identities' | 'store' | 'world'> & { signal: AbortSignal },
  tally: Tally,
): Promise<void> {
  const { name } = stream
  const outcome = await restoreStream({
    objects: stream.objects,
    codecs: stream.codecs,
    identities,
    rawBytes: Number(stream.raw_bytes),
    consumer: session.consumer(name),
    store,
    tools: world.tools,
    budget: world.budget,
    signal,
    onProgress: now => tally.progress(name, now),
    onChildren: records => tally.children(name, records),
  }).catch((thrown: unknown) => {
    throw explained(
      thrown,
      tail => session.diagnose(name, tail),
      tail => session.presentable?.(tail) ?? tail,
    )
  })
  await session.verify(name, outcome.stderrTail)
  tally.progress(name, { rawBytes: outcome.rawBytes, storedBytes: 0 })
}

function phasesOf(session: RestoreSession, manifest: Manifest): readonly (readonly ManifestStream[])[] {
  const byName = new Map(manifest.streams.map(stream => [stream.name, stream]))
  const phases = session.phases ?? [...byName.keys()].sort().map(name => [name])
  const size = (stream: ManifestStream) => Number(stream.raw_bytes)
  return phases.map(names => names.flatMap(name => byName.get(name) ?? []).sort((a, b) => size(b) - size(a)))
}

export function totals(manifest: Manifest): {
  readonly storedBytes: number
  readonly predictedRawBytes: number
} {
  return { storedBytes: Number(manifest.stored_bytes), predictedRawBytes: Number(manifest.raw_bytes) }
}
