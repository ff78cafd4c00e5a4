import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDuration, isoOf, parseDuration } from '../../../shared/time/index.ts'

describe('durations', () => {
  test.each([
    ['250ms', 250],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['0s', 0],
  ])('%s is %d ms', (text, expected) => expect(parseDuration(text)).toBe(expected))

  test.each(['', '5', '-5s', '5 s', '1.5h', 'h', '5x', '5s ', '99999999999999999d'])('"%s" is none', text =>
    expect(parseDuration(text)).toBeUndefined(),
  )

  test.each([
    [0, '0ms'],
    [999, '999ms'],
    [12_000, '12s'],
    [61_000, '1m 1s'],
    [3_600_000, '1h'],
    [3_605_000, '1h'],
    [187_200_000, '2d 4h'],
    [-60_000, '-1m'],
  ])('%d ms is shown as %s', (span, text) => expect(formatDuration(span)).toBe(text))

  test('what is shown is never more than two units, and never more than the span', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 11), span => {
        const parts = formatDuration(span).split(' ')
        expect(parts.length).toBeLessThanOrEqual(2)
        const shown = parts.map(part => parseDuration(part) ?? Number.NaN).reduce((a, b) => a + b, 0)
        expect(shown).toBeLessThanOrEqual(span)
      }),
    )
  })

  test('an instant is written in UTC with milliseconds', () =>
    expect(isoOf(1)).toBe('1970-01-01T00:00:00.001Z'))
})
