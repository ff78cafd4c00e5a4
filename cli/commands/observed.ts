import type { Observed, ProgressReport } from '../../shared/wire/gen/holdfast/v1/common.ts'
import { bytes, shortDuration } from '../print/units.ts'

/** Lines of a card about what making a backup took; none when nobody observed it. */
export function observedFields(
  observed: Observed | undefined,
  { rawBytes, storedBytes }: { readonly rawBytes: number; readonly storedBytes: number },
): readonly (readonly [string, string])[] {
  if (observed === undefined) return []
  const { strategy, strategyReason, durationMs, retries } = observed
  return [
    ['strategy', strategyReason === 'default' ? strategy : `${strategy} (${strategyReason})`],
    ['ratio', storedBytes > 0 ? (rawBytes / storedBytes).toFixed(2) : ''],
    [
      'throughput',
      durationMs > 0 ? `${bytes((rawBytes * 1_000) / durationMs)}/s over ${shortDuration(durationMs)}` : '',
    ],
    ['retries', String(retries)],
    ...(observed.yieldedMs > 0
      ? [['yielded', `${shortDuration(observed.yieldedMs)} to its host`] as const]
      : []),
    [
      'peak memory',
      `${bytes(observed.agentPeakRssBytes)} agent, ${bytes(observed.childrenPeakRssBytes)} children`,
    ],
  ]
}

/** How far a job is, in a few words: bytes, share, rate and predicted end, each where it is known. */
export function progressWords(progress: ProgressReport): string {
  const { stage, rawBytes, storedBytes, predictedRawBytes, bytesPerSecond, remainingMs, retries } = progress
  return [
    stage,
    `${bytes(rawBytes)} read`,
    `${bytes(storedBytes)} stored`,
    predictedRawBytes > 0 ? `about ${Math.min(99, Math.floor((100 * rawBytes) / predictedRawBytes))} %` : '',
    bytesPerSecond > 0 ? `${bytes(bytesPerSecond)}/s` : '',
    remainingMs > 0 ? `about ${shortDuration(remainingMs)} left` : '',
    retries > 0 ? `${retries} retries` : '',
  ]
    .filter(Boolean)
    .join(' · ')
}
