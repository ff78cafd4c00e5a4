import { instantOf, isoOf, localDay, type Millis } from '../../../shared/time/index.ts'
import { nextInstant } from '../cron.ts'

const day = 86_400_000
const minute = 60_000
/** Every zone that changes its clocks does so within a year. */
const ahead = 370

/** A change of a zone's clocks: which minutes of a day they skip, or show twice. */
export interface ClockChange {
  readonly kind: 'skips' | 'repeats'
  /** Day since 1970 by the zone's calendar. */
  readonly day: number
  /** Minutes since midnight, the end not part of it. */
  readonly from: number
  readonly to: number
}

const remembered = new Map<string, readonly ClockChange[]>()

/** The changes of a zone's clocks within about a year. */
export function clockChanges(zone: string, now: Millis): readonly ClockChange[] {
  const today = localDay(zone, now)
  const key = `${zone} ${today}`
  const known = remembered.get(key)
  if (known !== undefined) return known
  const changes: ClockChange[] = []
  let start = instantOf(zone, today, 0)
  for (let n = today; n < today + ahead; n++) {
    const end = instantOf(zone, n + 1, 0)
    const lost = day - (end - start)
    if (lost !== 0) changes.push(changeOf(zone, n, start, lost / minute))
    start = end
  }
  if (remembered.size >= 1_000) remembered.clear()
  remembered.set(key, changes)
  return changes
}

/** On a day whose length is another one: the first minute that does not come as long after midnight as it says. */
function changeOf(zone: string, n: number, start: Millis, lost: number): ClockChange {
  let [low, high] = [0, 1_440]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (instantOf(zone, n, middle) - start === middle * minute) low = middle + 1
    else high = middle
  }
  return { kind: lost > 0 ? 'skips' : 'repeats', day: n, from: Math.max(0, low - Math.abs(lost)), to: low }
}

/** The first instant of a cron schedule that lies in such a change; undefined when none does. */
export function instantIn(expression: string, { day: n, from, to }: ClockChange): Millis | undefined {
  // by clocks that never change, what the schedule says is what it means
  const next = nextInstant(expression, 'UTC', n * day + (from - 1) * minute)
  return next < n * day + to * minute ? next : undefined
}

/** A day and a minute of it as people write them: `2027-03-28 02:30`. */
export function wallClock(n: number, minutes: number): string {
  return isoOf(n * day + minutes * minute)
    .slice(0, 16)
    .replace('T', ' ')
}
