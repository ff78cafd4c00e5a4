import { z } from 'zod'
import { duration } from '../shared/config/index.ts'
import { isZone } from '../shared/time/index.ts'
import { periods, type RetentionRule } from './retention/index.ts'

const hour = 3_600_000
const count = z.int().min(1).max(100_000)

/** What a policy keeps of its backups; absent: all of them, for ever. */
export const retentionKeys = z.strictObject({
  /** Everything, where a weaker rule says otherwise; alone. */
  forever: z.literal(true).optional(),
  /** So many of the newest good ones; 1 when absent. */
  keep_last: count.optional(),
  /** All that are at most so much older than the newest good one. */
  keep_within: duration({ min: hour }).optional(),
  /** Of so many hours that have a good backup, the newest one of each; of days, weeks, months and years likewise. */
  hourly: count.optional(),
  daily: count.optional(),
  weekly: count.optional(),
  monthly: count.optional(),
  yearly: count.optional(),
  /** IANA zone of days, weeks, months and years; UTC when absent. */
  zone: z.string().min(1).optional(),
})

/** How the coordinator deletes: for everything, and not for whoever writes policies to say. */
export const retentionSchema = z.strictObject({
  /** Between two looks at what may go. */
  every: duration({ min: 50 }).prefault('15m'),
  /** Nothing goes that was not expendable for so long, in every look. */
  grace: duration({ min: 0 }).prefault('3d'),
  brake: z
    .strictObject({
      /** More than this part of all backups, beyond those that new ones take the place of, stop everything. */
      percent: z.int().min(1).max(100).prefault(10),
      /** Fewer than so many never do. */
      at_least: z.int().min(0).prefault(20),
    })
    .prefault({}),
})

interface Problem {
  readonly path: readonly string[]
  readonly text: string
}

/** What is wrong with what a policy keeps. Looks at half-valid input too. */
export function retentionProblems(given: unknown): readonly Problem[] {
  const checked = retentionKeys.optional().safeParse(given)
  if (!checked.success || checked.data === undefined) return []
  const { forever, zone, ...rules } = checked.data
  const said = Object.values(rules).filter(each => each !== undefined).length
  const calendar = [rules.daily, rules.weekly, rules.monthly, rules.yearly].some(each => each !== undefined)
  const problem = (key: string, text: string): Problem => ({ path: ['retention', key], text })
  if (forever === true)
    return said > 0 || zone !== undefined ? [problem('forever', 'must stand alone: it keeps everything')] : []
  return [
    ...(said === 0
      ? [{ path: ['retention'], text: 'must say what is kept, such as `keep_within: 30d`' }]
      : []),
    ...(zone !== undefined && !isZone(zone)
      ? [problem('zone', `\`${zone}\` is no IANA zone, such as Europe/Berlin`)]
      : []),
    ...(zone !== undefined && !calendar
      ? [problem('zone', 'must not be given without days, weeks, months or years')]
      : []),
  ]
}

/** The rule that settings without a problem make; undefined keeps everything. */
export function retentionOf(given: z.infer<typeof retentionKeys> | undefined): RetentionRule | undefined {
  if (given === undefined || given.forever === true) return undefined
  const { keep_last: keepLast = 1, keep_within: keepWithin, zone = 'UTC' } = given
  return {
    keepLast,
    ...(keepWithin === undefined ? {} : { keepWithin }),
    periods: Object.fromEntries(
      periods.flatMap(each => (given[each] === undefined ? [] : [[each, given[each]]])),
    ),
    zone,
  }
}
