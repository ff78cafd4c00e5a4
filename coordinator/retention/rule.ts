import type { Duration } from '../../shared/time/index.ts'

/** The calendar rules, from the finest; each keeps the newest good backup of so many of its periods. */
export const periods = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const
export type Period = (typeof periods)[number]

/** What a policy keeps of a database's backups: what any of its rules keeps, stays. Absent: all of them, for ever. */
export interface RetentionRule {
  /** So many of the newest good ones, at least one. */
  readonly keepLast: number
  /** All that are at most so much older than the newest good one: not than now, so that nothing ages while backups fail. */
  readonly keepWithin?: Duration
  /** Of so many periods that have a good backup, the newest one of each. */
  readonly periods: Readonly<Partial<Record<Period, number>>>
  /** IANA zone whose calendar days, weeks, months and years are; hours are those of UTC, of which none comes twice. */
  readonly zone: string
}

/** A rule on one line, as people write it. */
export function ruleText(
  { keepLast, keepWithin, periods: kept, zone }: RetentionRule,
  span: (ms: Duration) => string,
) {
  return [
    `keep_last ${keepLast}`,
    ...(keepWithin === undefined ? [] : [`keep_within ${span(keepWithin)}`]),
    ...periods.flatMap(each => (kept[each] === undefined ? [] : [`${each} ${kept[each]}`])),
    ...(zone === 'UTC' ? [] : [zone]),
  ].join(', ')
}
