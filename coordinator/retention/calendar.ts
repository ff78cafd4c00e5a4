import { localDay, type Millis } from '../../shared/time/index.ts'
import type { Period } from './rule.ts'

const hour = 3_600_000
const day = 24 * hour

/** The period an instant lies in, as a number that is one more for the next: hours of UTC, else by a zone's calendar. */
export function periodOf(period: Period, zone: string, at: Millis): number {
  if (period === 'hourly') return Math.floor(at / hour)
  const today = zone === 'UTC' ? Math.floor(at / day) : localDay(zone, at)
  if (period === 'daily') return today
  // 1970-01-01 was a Thursday; weeks begin on Monday
  if (period === 'weekly') return Math.floor((today + 3) / 7)
  const date = new Date(today * day)
  return period === 'monthly' ? date.getUTCFullYear() * 12 + date.getUTCMonth() : date.getUTCFullYear()
}
