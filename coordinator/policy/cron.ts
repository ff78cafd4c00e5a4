import { Cron } from 'croner'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { instantOf, isZone, localTime } from '../../shared/time/index.ts'

const minute = 60_000
const day = 86_400_000
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

const pauses = new Map<string, Duration>()

/** The longest time between two instants of a cron schedule that has no problem. */
export function longestPause(expression: string, zone: string): Duration {
  const key = `${zone} ${expression}`
  const known = pauses.get(key)
  if (known !== undefined) return known
  const found = pauseOf(scheduleOf(expression, zone))
  if (pauses.size >= mostRemembered) pauses.clear()
  pauses.set(key, found)
  return found
}

function pauseOf(after: NextInstant): Duration {
  let longest = 0
  let last = after(lookFrom)
  for (let n = 0; last !== undefined && n < mostInstants; n++) {
    const next = after(last)
    // a schedule that ends has no pause behind its last instant
    if (next === undefined) break
    longest = Math.max(longest, next - last)
    if (next > lookFrom + lookAhead) break
    last = next
  }
  return longest
}

/** The first instant after another; undefined: there is none. */
type NextInstant = (at: Millis) => Millis | undefined

interface Remembered {
  readonly after: NextInstant
  /** Its next instant by the minute asked after: croner takes 50 µs for one, and a fleet asks for thousands. */
  readonly next: Map<number, Millis>
}

const remembered = new Map<string, Remembered>()

/**
 * The first instant of a cron schedule after `at`. Times that the clocks skip come when they go on, several of them
 * once; one that they show twice comes once, the first time (architecture §9). Of a schedule of every hour neither is
 * true: it goes by hours that pass, not by those that clocks show.
 */
export function nextInstant(expression: string, zone: string, at: Millis): Millis {
  const key = `${zone} ${expression}`
  let known = remembered.get(key)
  if (known === undefined) {
    known = { after: scheduleOf(expression, zone), next: new Map() }
    remembered.set(key, known)
  }
  // its instants are whole minutes: all of a minute have the same next one
  const asked = Math.floor(at / minute)
  const found = known.next.get(asked)
  if (found !== undefined) return found
  const next = known.after(asked * minute) ?? Number.MAX_SAFE_INTEGER
  if (known.next.size >= mostRemembered) known.next.clear()
  known.next.set(asked, next)
  return next
}

/**
 * By croner alone where clocks never change or every hour counts. Else croner reads the clock face, as if it were
 * UTC's, and we say when the zone's clocks show that: of several hours or minutes croner drops those that are skipped,
 * and comes twice for those that are shown twice.
 */
function scheduleOf(expression: string, zone: string): NextInstant {
  if (zone === 'UTC' || expression.trim().split(/\s+/)[1] === '*') {
    const cron = cronOf(expression, zone)
    return at => cron.nextRun(iso(at))?.getTime()
  }
  const face = cronOf(expression, 'UTC')
  return at => {
    for (let shown = face.nextRun(iso(localTime(zone, at))); shown !== null; shown = face.nextRun(shown)) {
      const next = whenShown(zone, shown.getTime())
      // shown twice, and this is the second time
      if (next > at) return next
    }
    return undefined
  }
}

/** When clocks first show a time of the face; of one that they skip, when they go on. */
function whenShown(zone: string, face: Millis): Millis {
  const at = (shown: Millis) => instantOf(zone, Math.floor(shown / day), (shown % day) / minute)
  const skipped = (shown: Millis) => localTime(zone, at(shown)) !== shown
  if (!skipped(face)) return at(face)
  let [low, high] = [face, face + day]
  while (high - low > minute) {
    const middle = low + Math.floor((high - low) / 2 / minute) * minute
    if (skipped(middle)) low = middle
    else high = middle
  }
  return at(high)
}

function cronOf(expression: string, zone: string): Cron {
  return new Cron(expression, { timezone: zone, paused: true, mode: '5-part' })
}

function iso(at: Millis): Date {
  return new Date(at)
}
