import { formatDuration } from '../../shared/time/index.ts'
import { periods, type RetentionRule } from './rule.ts'

/** In what a rule keeps less than another one did, in words; empty: in nothing. No rule keeps everything. */
export function shortenings(
  than: RetentionRule | undefined,
  of: RetentionRule | undefined,
): readonly string[] {
  if (of === undefined) return []
  if (than === undefined) return ['not for ever any more']
  const counts = (['keep_last', ...periods] as const).flatMap(key => {
    const [before, after] = [than, of].map(each =>
      key === 'keep_last' ? each.keepLast : (each.periods[key] ?? 0),
    ) as [number, number]
    return after < before ? [`${key} ${after} in place of ${before}`] : []
  })
  const [before, after] = [than.keepWithin ?? 0, of.keepWithin ?? 0]
  return [
    ...counts,
    ...(after < before ? [`keep_within ${formatDuration(after)} in place of ${formatDuration(before)}`] : []),
    ...(than.zone !== of.zone && Object.keys(than.periods).length > 0 ? [`days of ${of.zone}`] : []),
  ]
}
