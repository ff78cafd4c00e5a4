import { describe, expect, it } from 'vitest'
import { type DailyWindow, openSpans, parseDailyWindow } from '../../../coordinator/planner/index.ts'
import { isoOf } from '../../../shared/time/index.ts'

const at = (text: string) => Date.parse(`${text}:00Z`)
const read = (...texts: string[]): readonly DailyWindow[] =>
  texts.map(text => {
    const window = parseDailyWindow(text)
    if (window === undefined) throw new Error(`${text} is no window`)
    return window
  })
const told = (limits: Parameters<typeof openSpans>[0], now: string, days?: number) =>
  openSpans(limits, at(now), days).map(
    ({ from, to }) => `${isoOf(from).slice(5, 16)} ${isoOf(to).slice(5, 16)}`,
  )

describe('a window', () => {
  it.each([
    '22-06',
    '24:00-06:00',
    '22:00-06:00 Europe/Atlantis',
    'Foo 22:00-06:00',
    'Mon- 22:00-06:00',
    'Mon-Tue-Wed 1:00-2:00',
    '',
  ])('`%s` is none', text => {
    expect(parseDailyWindow(text)).toBeUndefined()
  })

  it('goes past midnight, and is the whole day from a minute to itself', () => {
    expect(told({ windows: read('22:00-06:00') }, '2026-11-27T12:00', 1)).toEqual([
      '11-27T22:00 11-28T06:00',
      '11-28T22:00 11-29T06:00',
    ])
    expect(told({ windows: read('00:00-00:00') }, '2026-11-27T12:00', 1)).toEqual(['11-27T00:00 11-29T00:00'])
  })

  it('begins on the days it names, in the calendar of its zone, however far off they are', () => {
    // 27 November 2026 is a Friday
    expect(told({ windows: read('Thu 23:00-01:00 America/New_York') }, '2026-11-27T07:00', 1)).toEqual([
      '12-04T04:00 12-04T06:00',
    ])
    expect(told({ windows: read('Fri-Sun 10:00-11:00') }, '2026-11-28T12:00')).toEqual([
      '11-29T10:00 11-29T11:00',
      '12-04T10:00 12-04T11:00',
      '12-05T10:00 12-05T11:00',
      '12-06T10:00 12-06T11:00',
    ])
  })

  it('is an hour shorter and an hour longer where the clocks are moved inside it', () => {
    const windows = read('22:00-06:00 Europe/Berlin')
    expect(told({ windows }, '2026-03-28T22:00')[0]).toBe('03-28T21:00 03-29T04:00')
    expect(told({ windows }, '2026-10-24T22:00')[0]).toBe('10-24T20:00 10-25T05:00')
  })

  it('of an hour that is skipped does not open at another time for as long again', () => {
    expect(told({ windows: read('02:00-03:00 Europe/Berlin') }, '2026-03-29T00:00', 0)).toEqual([])
  })
})

describe('a black-out', () => {
  it('is taken from the windows, at their begin, end and middle', () => {
    const limits = {
      windows: read('20:00-06:00'),
      blackouts: read('20:00-21:00', '00:00-01:00', '05:30-07:00'),
    }
    expect(told(limits, '2026-11-27T12:00', 0)).toEqual([
      '11-27T21:00 11-28T00:00',
      '11-28T01:00 11-28T05:30',
    ])
  })

  it('leaves all other time where there are no windows', () => {
    expect(told({ blackouts: read('Mon-Fri 08:00-18:00') }, '2026-11-27T12:00')[0]).toBe(
      '11-27T18:00 11-30T08:00',
    )
  })

  it('of all time leaves nothing', () => {
    expect(
      told({ windows: read('01:00-02:00'), blackouts: read('00:00-00:00') }, '2026-11-27T12:00'),
    ).toEqual([])
  })
})
