import { type ManifestObserved, observedSchema } from '../../../shared/model/manifest.ts'
import type { Observed } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import type { Job } from '../../jobs/job.ts'
import type { ReadModel } from '../../store/port.ts'
import type { AttemptRecord } from '../../store/records.ts'

/**
 * What making a job's backup took, from its manifest; of a job without one what its newest attempt that told of it
 * took. Undefined when neither says.
 */
export async function observedOf(
  { state }: Job,
  attempts: readonly AttemptRecord[],
  read: ReadModel,
): Promise<Observed | undefined> {
  if (state.kind !== 'succeeded' || state.backupId === undefined) {
    const [newest] = attempts
      .filter(each => each.observed !== undefined)
      .toSorted((a, b) => b.epoch - a.epoch)
    return newest?.observed && { yieldedMs: 0, ...newest.observed }
  }
  const backup = await read.backup(state.backupId)
  const observed = backup === undefined ? undefined : observedIn(backup.manifest)
  return (
    observed && {
      strategy: observed.strategy,
      strategyReason: observed.strategy_reason,
      retries: observed.retries,
      agentPeakRssBytes: Number(observed.peak_rss_bytes.agent),
      childrenPeakRssBytes: Number(observed.peak_rss_bytes.children),
      durationMs: observed.duration_ms,
      yieldedMs: observed.yielded_ms ?? 0,
    }
  )
}

/** A manifest was checked when it was recorded; one of a later version may say it otherwise. */
function observedIn(manifest: Uint8Array): ManifestObserved | undefined {
  try {
    const { observed } = JSON.parse(Buffer.from(manifest).toString('utf8')) as { observed?: unknown }
    return observedSchema.safeParse(observed).data
  } catch {
    return undefined
  }
}
