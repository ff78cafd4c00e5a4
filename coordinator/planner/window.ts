import type { Duration, Millis } from '../../shared/time/index.ts'

/** A stretch of time, its end not part of it. */
export interface Span {
  readonly from: Millis
  readonly to: Millis
}

/** Every day from one minute to another, UTC; past midnight when the end is not after the start. */
export interface DailyWindow {
  /** Minutes since midnight. */
  readonly from: number
  readonly to: number
}

const day = 86_400_000
const minute = 60_000

/** Reads `22:00-06:00`; undefined for anything else. */
export function parseDailyWindow(text: string): DailyWindow | undefined {
  const [, ...parts] = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? []
  const [fromHour, fromMinute, toHour, toMinute] = parts.map(Number)
  if (fromHour === undefined || fromMinute === undefined || toHour === undefined || toMinute === undefined)
    return undefined
  return { from: fromHour * 60 + fromMinute, to: toHour * 60 + toMinute }
}

/** How long a window is open. The same minute twice is the whole day. */
export function lengthOf({ from, to }: DailyWindow): Duration {
  return (to > from ? to - from : to - from + 1_440) * minute
}

/** The spans of daily windows that end after `now`, for `days` ahead, in order of time; touching ones are one. */
export function spansOf(windows: readonly DailyWindow[], now: Millis, days = 3): readonly Span[] {
  const first = Math.floor(now / day) - 1
  const spans: Span[] = []
  for (let n = first; n <= first + days; n++)
    for (const each of windows) {
      const from = n * day + each.from * minute
      const to = from + lengthOf(each)
      if (to > now) spans.push({ from, to })
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
