import { formatDuration } from '../shared/time/index.ts'
import { openSpans, parseDailyWindow } from './planner/index.ts'
import { cronProblem, longestPause, pace, type Schedule } from './policy/index.ts'

/** When a policy says nothing of it, ms. */
export const everyDay = 86_400_000

interface Problem {
  readonly key: string
  readonly text: string
}

/** The schedule of a policy of the configuration that has no problem. */
export function scheduleOf(policy: {
  readonly every?: number | 'auto' | undefined
  readonly cron?: string | undefined
  readonly zone?: string | undefined
  readonly rpo?: number
}): Schedule {
  const { every, cron, zone = 'UTC', rpo = everyDay } = policy
  // each database gets an interval of its own (`pace`); without one this is the longest there is
  if (every === 'auto' && cron === undefined) return { kind: 'auto', every: pace(rpo, 0, 0) }
  return cron === undefined
    ? { kind: 'interval', every: typeof every === 'number' ? every : everyDay }
    : { kind: 'cron', expression: cron, zone, every: longestPause(cron, zone) }
}

/**
 * What of a policy's schedule cannot be, or cannot keep its promise. Looks at input that was not checked.
 *
 * @param usual how often backups are made where it does not say
 */
export function scheduleProblems(
  policy: Readonly<Record<string, unknown>>,
  usual: number | 'auto' = everyDay,
): readonly Problem[] {
  const { every, cron, zone, rpo } = policy
  if (cron === undefined)
    return [
      ...(zone === undefined ? [] : [{ key: 'zone', text: 'must not be given without `cron`' }]),
      ...promiseProblem(rpo, every ?? usual, 'must be at least `every`'),
      ...windowProblems(policy),
    ]
  if (typeof cron !== 'string') return []
  if (every !== undefined) return [{ key: 'cron', text: 'must not be given beside `every`' }]
  const told = typeof zone === 'string' ? zone : 'UTC'
  const wrong = cronProblem(cron, told)
  if (wrong !== undefined) return [{ key: wrong.includes('IANA') ? 'zone' : 'cron', text: wrong }]
  const pause = longestPause(cron, told)
  return [
    ...promiseProblem(rpo, pause, `must be at least the longest pause of \`cron\`, ${formatDuration(pause)}`),
    ...windowProblems(policy),
  ]
}

function promiseProblem(rpo: unknown, every: unknown, must: string): readonly Problem[] {
  return typeof rpo === 'number' && typeof every === 'number' && rpo < every
    ? [{ key: 'rpo', text: `${must}: the promise would be broken before each backup` }]
    : []
}

/** Black-outs that leave nothing of the windows, on any day of a week. */
function windowProblems({ windows, blackouts }: Readonly<Record<string, unknown>>): readonly Problem[] {
  const read = (list: unknown) =>
    Array.isArray(list) ? list.flatMap(text => parseDailyWindow(String(text)) ?? []) : undefined
  const closed = read(blackouts)
  if (closed === undefined || closed.length === 0) return []
  const open = read(windows)
  const left = openSpans({ blackouts: closed, ...(open === undefined ? {} : { windows: open }) }, aMonday, 8)
  return left.length > 0 ? [] : [{ key: 'blackouts', text: 'must leave some time in which a job may start' }]
}

/** Any week is as good as another for that. */
const aMonday = 1_704_067_200_000
