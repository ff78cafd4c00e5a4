import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { instantOf, isoOf, isZone, localDay, weekdayOf } from '../../../shared/time/index.ts'

const dayOf = (date: string) => Date.parse(`${date}T00:00:00Z`) / 86_400_000
const shown = (zone: string, date: string, clock: string) => {
  const [hours = 0, minutes = 0] = clock.split(':').map(Number)
  return isoOf(instantOf(zone, dayOf(date), hours * 60 + minutes)).slice(0, 16)
}

describe('a time by the clocks of a zone', () => {
  it.each([
    ['UTC', '2026-11-27', '09:30', '2026-11-27T09:30'],
    ['Europe/Berlin', '2026-01-10', '22:00', '2026-01-10T21:00'],
    ['Europe/Berlin', '2026-07-10', '22:00', '2026-07-10T20:00'],
    ['America/Los_Angeles', '2026-01-10', '22:00', '2026-01-11T06:00'],
    ['Asia/Kolkata', '2026-01-10', '00:15', '2026-01-09T18:45'],
    ['Pacific/Kiritimati', '2026-01-10', '00:00', '2026-01-09T10:00'],
  ])('%s %s %s', (zone, date, clock, utc) => {
    expect(shown(zone, date, clock)).toBe(utc)
  })

  it('that is skipped comes as much later as the clocks are put forward; the hours about it are as usual', () => {
    expect(shown('Europe/Berlin', '2026-03-29', '01:59')).toBe('2026-03-29T00:59')
    expect(shown('Europe/Berlin', '2026-03-29', '02:30')).toBe('2026-03-29T01:30')
    expect(shown('Europe/Berlin', '2026-03-29', '03:30')).toBe('2026-03-29T01:30')
    // a zone that skips midnight
    expect(shown('Africa/Cairo', '2026-04-24', '00:30')).toBe('2026-04-23T22:30')
  })

  it('that is shown twice is the first of the two', () => {
    expect(shown('Europe/Berlin', '2026-10-25', '02:30')).toBe('2026-10-25T00:30')
    expect(shown('Europe/Berlin', '2026-10-25', '03:00')).toBe('2026-10-25T02:00')
  })

  it('belongs to the day of that zone’s calendar', () => {
    expect(localDay('Pacific/Kiritimati', Date.parse('2026-01-09T12:00:00Z'))).toBe(dayOf('2026-01-10'))
    expect(localDay('America/Los_Angeles', Date.parse('2026-01-10T05:00:00Z'))).toBe(dayOf('2026-01-09'))
    expect(weekdayOf(dayOf('2026-11-27'))).toBe(5)
    expect(weekdayOf(dayOf('1969-12-31'))).toBe(3)
  })

  it('never goes back when the clock goes on', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Cairo'),
        fc.integer({ min: 18_000, max: 25_000 }),
        fc.integer({ min: 0, max: 2_879 }),
        fc.integer({ min: 0, max: 600 }),
        (zone, day, minutes, more) => {
          const one = instantOf(zone, day, minutes)
          const other = instantOf(zone, day, minutes + more)
          // what is skipped is pushed behind what comes after it, by no more than the clocks are moved
          expect(other).toBeGreaterThanOrEqual(one - 3_600_000)
        },
      ),
    )
  })

  it('is only asked of zones there are', () => {
    expect(isZone('Europe/Berlin')).toBe(true)
    for (const none of ['Europe/Atlantis', '', 'CEST!', '__proto__']) expect(isZone(none)).toBe(false)
  })
})
