import type { Millis } from '../../../shared/time/index.ts'
import type { Severity } from './severity.ts'

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

/** When people are left alone, by the clock on their wall. */
export interface QuietHours {
  /** IANA zone. */
  readonly zone: string
  /** Minutes of the day; `from` after `to` goes over midnight, equal ones are no hours at all. */
  readonly from: number
  readonly to: number
  /** Days that are quiet from midnight to midnight. */
  readonly days: readonly Weekday[]
  /** What is at least so bad gets through. */
  readonly through: Severity
}

const minute = 60_000
const dayMinutes = 24 * 60

/**
 * The end of the quiet hours that hold at `at`, or undefined when they do not. Follows the zone through changes of
 * its clock by walking, never by adding a day's worth of milliseconds.
 */
export function quietUntil(hours: QuietHours, at: Millis): Millis | undefined {
  let time = at
  for (let steps = 0; steps < 1_000; steps++) {
    const left = minutesLeft(hours, localTime(hours.zone, time))
    if (left === 0) return time === at ? undefined : time
    // far from the end in a leap, near it in short steps: a clock that is put forward is not overshot
    const step = left > 120 ? left - 120 : Math.min(left, 15)
    time = Math.floor(time / minute) * minute + step * minute
  }
  return time
}

/** Minutes until the quiet that holds now ends for all that is known today; 0: it is not quiet. */
function minutesLeft({ from, to, days }: QuietHours, local: LocalTime): number {
  if (days.includes(local.day)) return dayMinutes - local.minute
  if (from === to) return 0
  if (from < to) return local.minute >= from && local.minute < to ? to - local.minute : 0
  if (local.minute >= from) return dayMinutes - local.minute
  return local.minute < to ? to - local.minute : 0
}

interface LocalTime {
  readonly day: Weekday
  readonly minute: number
}

const clocks = new Map<string, Intl.DateTimeFormat>()

function localTime(zone: string, at: Millis): LocalTime {
  let clock = clocks.get(zone)
  if (clock === undefined) {
    clock = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
    clocks.set(zone, clock)
  }
  const parts = new Map(clock.formatToParts(at).map(({ type, value }) => [type, value]))
  const name = (parts.get('weekday') ?? '').toLowerCase()
  return {
    day: weekdays.find(each => each === name) ?? 'mon',
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  }
}

/** Whether there is such a zone. */
export function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: zone }) !== undefined
  } catch {
    return false
  }
}
