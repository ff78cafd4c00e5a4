import type { Growth, Trend } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { bytes, instant, shortDuration } from './units.ts'

const day = 86_400_000

/** `+1.4 GiB`, `-3s`; a `~` in front when it goes up and down; `-` while there is too little to tell. */
export function growthText(growth: Growth | undefined, shown: (value: number) => string): string {
  if (growth === undefined) return '-'
  const { perWeek, steady } = growth
  const sign = perWeek < 0 ? '-' : '+'
  return perWeek === 0 ? '0' : `${steady ? '' : '~'}${sign}${shown(Math.abs(perWeek))}`
}

/** When backups outgrow the time they may take: `in 6 weeks`, `in 9 days`, `now`; empty when that cannot be told. */
export function outgrowsIn({ outgrowsAt }: Pick<Trend, 'outgrowsAt'>, now: number): string {
  if (outgrowsAt === 0) return ''
  const days = Math.ceil((outgrowsAt - now) / day)
  if (days <= 0) return 'now'
  if (days < 14) return days === 1 ? 'in a day' : `in ${days} days`
  return `in ${Math.round(days / 7)} weeks`
}

/** A trend as lines of a card: what is usual, how it grows, what comes of it. */
export function trendLines(trend: Trend | undefined, now: number): readonly (readonly [string, string])[] {
  if (trend === undefined) return []
  const { rawGrowth, storedGrowth, durationGrowth, allowedMs } = trend
  const outgrows = outgrowsIn(trend, now)
  return [
    [
      'usually',
      `${bytes(trend.usualRawBytes)} raw, ${bytes(trend.usualStoredBytes)} stored, ${shortDuration(trend.usualDurationMs)} (nine of ten within ${shortDuration(trend.p90DurationMs)})`,
    ],
    [
      'a week',
      rawGrowth === undefined && durationGrowth === undefined
        ? ''
        : `${growthText(rawGrowth, bytes)} raw, ${growthText(storedGrowth, bytes)} stored, ${growthText(durationGrowth, shortDuration)} duration`,
    ],
    [
      'outlook',
      outgrows === ''
        ? ''
        : `outgrows the ${shortDuration(allowedMs)} it may take ${outgrows} (${instant(trend.outgrowsAt)})`,
    ],
  ]
}
