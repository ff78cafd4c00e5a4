import type { Millis } from './instant.ts'

const day = 86_400_000
const minute = 60_000

const formats = new Map<string, Intl.DateTimeFormat | undefined>()

/** Whether a name is an IANA zone that this runtime knows, such as `Europe/Berlin` or `UTC`. */
export function isZone(zone: string): boolean {
  return formatOf(zone) !== undefined
}

/** Minutes that the clocks of a zone are ahead of UTC at an instant, times 60,000: negative to the west. */
function offsetAt(zone: string, at: Millis): number {
  const format = formatOf(zone)
  if (format === undefined) throw new RangeError(`\`${zone}\` is no zone`)
  const shown = new Map(format.formatToParts(at).map(part => [part.type, Number(part.value)]))
  const read = (type: Intl.DateTimeFormatPartTypes) => shown.get(type) ?? 0
  const local = Date.UTC(
    read('year'),
    read('month') - 1,
    read('day'),
    read('hour'),
    read('minute'),
    read('second'),
  )
  return local - (at - (((at % 1_000) + 1_000) % 1_000))
}

/** The day of a zone's calendar at an instant, counted from 1970-01-01. */
export function localDay(zone: string, at: Millis): number {
  return Math.floor((at + offsetAt(zone, at)) / day)
}

/** What the clocks of a zone show at an instant, as the milliseconds at which those of UTC would show it. */
export function localTime(zone: string, at: Millis): Millis {
  return at + offsetAt(zone, at)
}

/** The day of the week of such a day: 0 is Sunday. */
export function weekdayOf(localDay: number): number {
  return (((localDay + 4) % 7) + 7) % 7
}

/**
 * When the clocks of a zone show a time of a day. One that they show twice is the first of the two; one that they
 * skip comes as much later as they are put forward.
 *
 * @param minutes since midnight by the clock; 1,440 and more is the next day
 */
export function instantOf(zone: string, localDay: number, minutes: number): Millis {
  const local = localDay * day + minutes * minute
  const before = offsetAt(zone, local - day)
  const after = offsetAt(zone, local + day)
  const early = local - Math.max(before, after)
  const late = local - Math.min(before, after)
  if (offsetAt(zone, early) === local - early) return early
  if (offsetAt(zone, late) === local - late) return late
  return local - before
}

function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  if (formats.has(zone)) return formats.get(zone)
  let format: Intl.DateTimeFormat | undefined
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    format = undefined
  }
  if (formats.size < 1_000) formats.set(zone, format)
  return format
}
