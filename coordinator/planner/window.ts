import {
  type Duration,
  instantOf,
  isZone,
  localDay,
  type Millis,
  weekdayOf,
} from '../../shared/time/index.ts'

/** A stretch of time, its end not part of it. */
export interface Span {
  readonly from: Millis
  readonly to: Millis
}

/** From one minute of the day to another, every day or on some; past midnight when the end is not after the start. */
export interface DailyWindow {
  /** Minutes since midnight, by the clocks of its zone. */
  readonly from: number
  readonly to: number
  /** Days on which it begins, 0 is Sunday; absent: every day. */
  readonly days?: readonly number[]
  /** IANA zone; absent: UTC. */
  readonly zone?: string
}

/** When jobs of a policy may start: inside its windows (absent: always) and outside its black-outs. */
export interface Limits {
  readonly windows?: readonly DailyWindow[]
  readonly blackouts?: readonly DailyWindow[]
}

const day = 86_400_000
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const pattern = /^(?:([A-Za-z,-]+) +)?([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?: +(\S+))?$/

/** Reads `22:00-06:00`, `Sat,Sun 00:00-12:00`, `Mon-Fri 22:00-06:00 Europe/Berlin`; undefined for anything else. */
export function parseDailyWindow(text: string): DailyWindow | undefined {
  const [, named, ...parts] = pattern.exec(text) ?? []
  const zone = parts.pop()
  const [fromHour, fromMinute, toHour, toMinute] = parts.map(Number)
  if (fromHour === undefined || fromMinute === undefined || toHour === undefined || toMinute === undefined)
    return undefined
  const days = named === undefined ? undefined : parseDays(named)
  if ((named !== undefined && days === undefined) || (zone !== undefined && !isZone(zone))) return undefined
  return {
    from: fromHour * 60 + fromMinute,
    to: toHour * 60 + toMinute,
    ...(days === undefined ? {} : { days }),
    ...(zone === undefined ? {} : { zone }),
  }
}

/** `Mon-Fri`, `Sat,Sun`, `Fri-Mon,Wed`. */
function parseDays(text: string): readonly number[] | undefined {
  const days = new Set<number>()
  for (const range of text.toLowerCase().split(',')) {
    const [first, last, ...more] = range.split('-').map(name => weekdays.indexOf(name))
    if (first === undefined || first < 0 || last === -1 || more.length > 0) return undefined
    for (let n = first; ; n = (n + 1) % 7) {
      days.add(n)
      if (n === (last ?? first)) break
    }
  }
  return [...days].sort()
}

/** Whether a policy limits when its jobs may start. */
export function isLimited({ windows, blackouts }: Limits): boolean {
  return windows !== undefined || blackouts !== undefined
}

/**
 * When jobs may start: spans that end after `now`, for `days` ahead (a week and a day where weekdays are named), in
 * order of time, apart from each other. Without windows it is all the time that black-outs leave.
 */
export function openSpans({ windows, blackouts }: Limits, now: Millis, days = 3): readonly Span[] {
  const named = [...(windows ?? []), ...(blackouts ?? [])].some(each => each.days !== undefined)
  const ahead = named ? Math.max(days, 8) : days
  const open =
    windows === undefined ? [{ from: now - day, to: now + ahead * day }] : spansOf(windows, now, ahead)
  // the last window may end on the day after the last one that begins one
  return blackouts === undefined
    ? open
    : without(open, spansOf(blackouts, now, ahead + 1)).filter(({ to }) => to > now)
}

/** The spans of daily windows that end after `now`; touching ones are one. */
function spansOf(windows: readonly DailyWindow[], now: Millis, ahead: number): readonly Span[] {
  const spans: Span[] = []
  for (const { from, to, days, zone = 'UTC' } of windows) {
    const today = localDay(zone, now)
    for (let n = today - 1; n <= today + ahead; n++) {
      if (days !== undefined && !days.includes(weekdayOf(n))) continue
      const span = {
        from: instantOf(zone, n, from),
        to: instantOf(zone, n, to > from ? to : to + 1_440),
      }
      // a window of a skipped hour is no time at all
      if (span.to > now && span.to > span.from) spans.push(span)
    }
  }
  spans.sort((a, b) => a.from - b.from || a.to - b.to)
  const merged: Span[] = []
  for (const span of spans) {
    const last = merged.at(-1)
    if (last !== undefined && span.from <= last.to)
      merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, span.to) }
    else merged.push(span)
  }
  return merged
}

/** What is left of spans when others are taken away; both in order of time. */
function without(spans: readonly Span[], taken: readonly Span[]): readonly Span[] {
  return spans.flatMap(span => {
    const left: Span[] = []
    let { from } = span
    for (const each of taken) {
      if (each.to <= from || each.from >= span.to) continue
      if (each.from > from) left.push({ from, to: each.from })
      from = each.to
    }
    return from < span.to ? [...left, { from, to: span.to }] : left
  })
}

/** When a job of such windows may start, at `now` or later. */
export type Opening =
  | { readonly kind: 'open'; readonly until: Millis }
  /** Closed, or what is left of it is too short. */
  | { readonly kind: 'later'; readonly at: Millis; readonly endsFirst: boolean }
  /** It fits into none of them. */
  | { readonly kind: 'never'; readonly longest: Duration }

/**
 * A job starts inside its window only; one that must finish asks that now + P90 is not after its end
 * (facts-runtime H3). `windows` in order of time, none that ended.
 */
export function openingOf(
  windows: readonly Span[],
  now: Millis,
  p90: Duration,
  mustFinish: boolean,
): Opening {
  let longest = 0
  let endsFirst = false
  for (const { from, to } of windows) {
    longest = Math.max(longest, to - from)
    if (to <= now) continue
    const start = Math.max(from, now)
    if (!mustFinish || start + p90 <= to)
      return start === now ? { kind: 'open', until: to } : { kind: 'later', at: start, endsFirst }
    if (from <= now) endsFirst = true
  }
  return { kind: 'never', longest }
}
