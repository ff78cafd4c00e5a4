import type { Millis } from '../../shared/time/index.ts'
import { type Growth, growthOf } from './growth.ts'

/** What came to a destination, or went, on a day. */
export interface DestinationDay {
  /** Days since 1970, UTC. */
  readonly day: number
  /** Stored bytes; negative where more went than came. */
  readonly bytes: number
  readonly copies: number
}

/** What lies in a destination and where that is going. */
export interface DestinationCourse {
  readonly storedBytes: number
  readonly copies: number
  /** Absent while there is too little to tell. */
  readonly growth?: Growth
  /** At the end of each day shown, oldest first, the last one as far as it has come. */
  readonly points: readonly { readonly at: Millis; readonly storedBytes: number }[]
}

const dayMs = 86_400_000
/** Further back says little of how it grows now. */
const daysShown = 90

/**
 * The course of a destination until `now`. Growth is that of the days that are over and within what is shown: today is
 * not done, and a day before the first copy is no day without growth.
 */
export function destinationCourse(days: readonly DestinationDay[], now: Millis): DestinationCourse {
  const byDay = new Map<number, number>()
  let [copies, first] = [0, Number.POSITIVE_INFINITY]
  for (const { day, bytes, copies: came } of days) {
    byDay.set(day, (byDay.get(day) ?? 0) + bytes)
    copies += came
    first = Math.min(first, day)
  }
  const today = Math.floor(now / dayMs)
  const shownFrom = Math.max(first, today - daysShown + 1)
  let storedBytes = 0
  for (const [day, bytes] of byDay) if (day < shownFrom) storedBytes += bytes
  const points: { at: Millis; storedBytes: number }[] = []
  for (let day = shownFrom; day <= today; day++) {
    storedBytes += byDay.get(day) ?? 0
    points.push({ at: day * dayMs, storedBytes })
  }
  // a clock that was ahead
  for (const [day, bytes] of byDay) if (day > today) storedBytes += bytes
  const growth = growthOf(points.slice(0, -1).map(({ at, storedBytes: value }) => ({ at, value })))
  return { storedBytes, copies, points, ...(growth === undefined ? {} : { growth }) }
}

/** What will lie there in so many days, should it go on as it did. */
export function storedIn(course: DestinationCourse, days: number): number | undefined {
  return course.growth && Math.max(0, Math.round(course.storedBytes + days * course.growth.perDay))
}
