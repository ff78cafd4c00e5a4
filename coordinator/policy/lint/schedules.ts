import { formatDuration, instantOf, isoOf, type Millis } from '../../../shared/time/index.ts'
import { type DailyWindow, parseDailyWindow } from '../../planner/window.ts'
import { longestPause, nextInstant } from '../cron.ts'
import type { PolicyRule } from '../rule.ts'
import { clockChanges, instantIn, wallClock } from './clock-changes.ts'
import type { Finding } from './finding.ts'

const minute = 60_000
const day = 86_400_000
/** One that comes more often than this misses or doubles one of many. */
const seldom = 2 * 3_600_000

/** What the changes of clocks within a year do to the schedule, windows and black-outs of a rule. */
export function scheduleFindings({ name, settings }: PolicyRule, now: Millis): readonly Finding[] {
  const { cron, zone = 'UTC', windows, blackouts } = settings
  return [
    ...(typeof cron === 'string' && typeof zone === 'string' ? cronFindings(name, cron, zone, now) : []),
    ...(Array.isArray(windows)
      ? windows.flatMap(each => spanFindings(name, 'window', String(each), now))
      : []),
    ...(Array.isArray(blackouts)
      ? blackouts.flatMap(each => spanFindings(name, 'black-out', String(each), now))
      : []),
  ]
}

function cronFindings(name: string, cron: string, zone: string, now: Millis): readonly Finding[] {
  if (longestPause(cron, zone) <= seldom) return []
  const found: Finding[] = []
  for (const change of clockChanges(zone, now)) {
    const hit = instantIn(cron, change)
    if (hit === undefined || found.some(each => each.code === `clock-${change.kind}`)) continue
    const at = wallClock(Math.floor(hit / day), (hit % day) / minute)
    const later = nextInstant(cron, zone, instantOf(zone, change.day, change.from) - minute)
    const soon = later <= instantOf(zone, change.day, change.to) + (change.to - change.from) * minute
    found.push({
      code: `clock-${change.kind}`,
      severity: 'warning',
      where: name,
      text:
        change.kind === 'skips'
          ? `\`${cron}\` names ${at}, which the clocks of ${zone} skip: ${soon ? `it comes at ${isoOf(later)}, when they go on` : 'it does not come that day'}`
          : `\`${cron}\` names ${at}, which the clocks of ${zone} show twice: it comes once, the first time`,
    })
  }
  return found
}

function spanFindings(name: string, what: string, text: string, now: Millis): readonly Finding[] {
  const window = parseDailyWindow(text)
  if (window === undefined || window.zone === undefined) return []
  const { zone } = window
  const usual = lengthOf(window)
  const skip = clockChanges(zone, now).find(each => each.kind === 'skips' && lostOn(window, each.day) > 0)
  if (skip === undefined) return []
  const lost = lostOn(window, skip.day)
  // an hour of a night is nothing; half a window is
  if (lost * 2 < usual) return []
  return [
    {
      code: 'clock-skips',
      severity: 'warning',
      where: name,
      text: `the ${what} \`${text}\` is ${lost >= usual ? 'no time at all' : `shorter by ${formatDuration(lost * minute)}`} on ${wallClock(skip.day, 0).slice(0, 10)}: the clocks of ${zone} skip ${wallClock(skip.day, skip.from).slice(11)} to ${wallClock(skip.day, skip.to).slice(11)}`,
    },
  ]
}

function lengthOf({ from, to }: DailyWindow): number {
  return (to > from ? to : to + 1_440) - from
}

/** Minutes that a window which begins on a day, or on the one before, is shorter than it says. */
function lostOn(window: DailyWindow, n: number): number {
  const { from, zone = 'UTC' } = window
  const length = lengthOf(window)
  const lost = [n - 1, n].map(
    each => length - (instantOf(zone, each, from + length) - instantOf(zone, each, from)) / minute,
  )
  return Math.max(...lost)
}
