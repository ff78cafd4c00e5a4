import { Cron } from 'croner'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { isZone } from '../../shared/time/index.ts'

const minute = 60_000
/** How far a schedule is looked at to find its longest pause: two years, or so many of its instants. */
const lookAhead = 2 * 366 * 86_400_000
const mostInstants = 6_000
/** Where that look begins: a fixed Monday, so that the same text has the same pause whenever it is read. */
const lookFrom = Date.UTC(2024, 0, 1)
const mostRemembered = 10_000

/** What is wrong with a cron schedule in words; undefined when nothing is. */
export function cronProblem(expression: string, zone: string): string | undefined {
  if (!isZone(zone)) return `\`${zone}\` is no IANA zone, such as Europe/Berlin`
  if (expression.trim().split(/\s+/).length !== 5)
    return 'expected five fields: minute, hour, day of month, month, day of week'
  let next: Date | null
  try {
    next = cronOf(expression, zone).nextRun(iso(lookFrom))
  } catch {
    return 'is no cron expression, such as `30 1 * * *`'
  }
  return next === null ? 'never comes: no day is like that' : undefined
}

/** The longest time between two instants of a cron schedule that has no problem. */
export function longestPause(expression: string, zone: string): Duration {
  const cron = cronOf(expression, zone)
  let longest = 0
  let last = cron.nextRun(iso(lookFrom))?.getTime()
  for (let n = 0; last !== undefined && n < mostInstants; n++) {
    const next = cron.nextRun(iso(last))?.getTime()
    // a schedule that ends has no pause behind its last instant
    if (next === undefined) break
    longest = Math.max(longest, next - last)
    if (next > lookFrom + lookAhead) break
    last = next
  }
  return longest
}

interface Remembered {
  readonly cron: Cron
  /** Its next instant by the minute asked after: croner takes 50 µs for one, and a fleet asks for thousands. */
  readonly next: Map<number, Millis>
}

const remembered = new Map<string, Remembered>()

/**
 * The first instant of a cron schedule after `at`. A time that the clocks skip comes when they go on, one that they
 * show twice comes once (croner; architecture §9).
 */
export function nextInstant(expression: string, zone: string, at: Millis): Millis {
  const key = `${zone} ${expression}`
  let known = remembered.get(key)
  if (known === undefined) {
    known = { cron: cronOf(expression, zone), next: new Map() }
    remembered.set(key, known)
  }
  // its instants are whole minutes: all of a minute have the same next one
  const asked = Math.floor(at / minute)
  const found = known.next.get(asked)
  if (found !== undefined) return found
  const next = known.cron.nextRun(iso(asked * minute))?.getTime() ?? Number.MAX_SAFE_INTEGER
  if (known.next.size >= mostRemembered) known.next.clear()
  known.next.set(asked, next)
  return next
}

function cronOf(expression: string, zone: string): Cron {
  return new Cron(expression, { timezone: zone, paused: true, mode: '5-part' })
}

function iso(at: Millis): Date {
  return new Date(at)
}
