import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cronProblem, dueAfter, longestPause, nextInstant } from '../../../coordinator/policy/index.ts'
import { isoOf } from '../../../shared/time/index.ts'

const hour = 3_600_000
const day = 24 * hour
const at = (text: string) => Date.parse(`${text}Z`)
const next = (expression: string, zone: string, after: string) =>
  isoOf(nextInstant(expression, zone, at(after))).slice(0, 16)

describe('a cron schedule', () => {
  it.each([
    ['30 1 * * *', 'Europe/Atlantis', 'IANA zone'],
    ['30 1 * *', 'UTC', 'five fields'],
    ['0 30 1 * * *', 'UTC', 'five fields'],
    ['61 1 * * *', 'UTC', 'no cron expression'],
    ['at one in the night', 'UTC', 'no cron expression'],
    ['0 0 30 2 *', 'UTC', 'never comes'],
  ])('%s %s is refused', (expression, zone, text) => {
    expect(cronProblem(expression, zone)).toContain(text)
  })

  it.each(['30 1 * * *', '*/5 9-17 * * MON-FRI', '0 0 29 2 *', '0 4 1 * *'])('%s is one', expression => {
    expect(cronProblem(expression, 'Europe/Berlin')).toBeUndefined()
  })

  it('a time that the clocks skip comes when they go on, one they show twice comes once', () => {
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00')).toBe('2026-03-29T01:00')
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-29T01:00')).toBe('2026-03-30T00:30')
    const first = next('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00')
    expect(['2026-10-25T00:30', '2026-10-25T01:30']).toContain(first)
    expect(next('30 2 * * *', 'Europe/Berlin', first)).toBe('2026-10-26T01:30')
  })

  it.each([
    // [schedule, zone, from, the next four]
    ['30 2,14 * * *', 'Europe/Berlin', '2026-03-28T20:00', '03-29T01:00 03-29T12:30 03-30T00:30 03-30T12:30'],
    ['30 1,2 * * *', 'Europe/Berlin', '2026-03-28T20:00', '03-29T00:30 03-29T01:00 03-29T23:30 03-30T00:30'],
    // both are skipped: once
    ['15,45 2 * * *', 'Europe/Berlin', '2026-03-28T20:00', '03-29T01:00 03-30T00:15 03-30T00:45 03-31T00:15'],
    ['0 2,3 * * *', 'Europe/Berlin', '2026-03-28T20:00', '03-29T01:00 03-30T00:00 03-30T01:00 03-31T00:00'],
    ['30 2,14 * * *', 'Europe/Berlin', '2026-10-24T14:00', '10-25T00:30 10-25T13:30 10-26T01:30 10-26T13:30'],
    ['30 1,2 * * *', 'Europe/Berlin', '2026-10-24T12:00', '10-24T23:30 10-25T00:30 10-26T00:30 10-26T01:30'],
    // a midnight that does not come
    ['0 0,12 * * *', 'Africa/Cairo', '2026-04-23T11:00', '04-23T22:00 04-24T09:00 04-24T21:00 04-25T09:00'],
    // asked in the second of two hours
    ['30 2,5 * * *', 'Europe/Berlin', '2026-10-25T01:10', '10-25T04:30 10-26T01:30 10-26T04:30 10-27T01:30'],
    // every hour that passes
    ['30 * * * *', 'Europe/Berlin', '2026-10-25T00:00', '10-25T00:30 10-25T01:30 10-25T02:30 10-25T03:30'],
    ['30 * * * *', 'Europe/Berlin', '2026-03-29T00:00', '03-29T00:30 03-29T01:30 03-29T02:30 03-29T03:30'],
  ])('of several times, too: %s in %s from %s', (expression, zone, from, expected) => {
    const found: string[] = []
    for (let after = from; found.length < 4; found.push(after.slice(5))) after = next(expression, zone, after)
    expect(found.join(' ')).toBe(expected)
  })

  it('the longest pause counts what is skipped and what is shown twice', () => {
    expect(longestPause('30 2,14 * * *', 'Europe/Berlin')).toBe(13 * hour)
    expect(longestPause('15,45 2 * * *', 'Europe/Berlin')).toBe(24.5 * hour)
  })

  it('the longest pause is that of the weekend, of the long month, of the hour that is put back, of leap years', () => {
    expect(longestPause('0 9-17 * * 1-5', 'UTC')).toBe(64 * hour)
    expect(longestPause('0 4 1 * *', 'UTC')).toBe(31 * day)
    expect(longestPause('30 1 * * *', 'Europe/Berlin')).toBe(25 * hour)
    expect(longestPause('0 0 29 2 *', 'UTC')).toBe(1_461 * day)
  })

  it('the next instant is after the one asked for, however often and in whatever order it is asked', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('*/15 * * * *', '30 2 * * *', '0 0 1 * *'),
        fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York'),
        fc.integer({ min: at('2026-01-01T00:00'), max: at('2027-01-01T00:00') }),
        (expression, zone, after) => {
          const found = nextInstant(expression, zone, after)
          expect(found).toBeGreaterThan(after)
          expect(found % 60_000).toBe(0)
          expect(nextInstant(expression, zone, after)).toBe(found)
          // nothing lies between
          expect(nextInstant(expression, zone, found - 1)).toBe(found)
        },
      ),
    )
  })
})

describe('the next backup of a cron schedule', () => {
  const schedule = { kind: 'cron', expression: '0 1 * * *', zone: 'UTC', every: day } as const

  it('is due at the next instant after its data', () => {
    expect(dueAfter(schedule, at('2026-11-27T01:00:07'))).toBe(at('2026-11-28T01:00'))
  })

  it('is not due again at once when a replica’s data was from just before the instant', () => {
    const dataAsOf = at('2026-11-27T00:58')
    expect(dueAfter(schedule, dataAsOf, at('2026-11-27T01:00:01'))).toBe(at('2026-11-28T01:00'))
  })
})
