import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  parseByteSize,
  parseHostPort,
  showByteSize,
  showDuration,
  url,
} from '../../../shared/config/index.ts'
import { parseDuration } from '../../../shared/time/index.ts'

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['512', 512],
    ['512B', 512],
    ['16MiB', 16_777_216],
    ['1.5GiB', 1_610_612_736],
    ['1GB', 1e9],
    ['64 KiB', 65_536],
  ])('%s is %d bytes', (text, bytes) => expect(parseByteSize(text)).toBe(bytes))

  test.each(['', '-1', '1.5', '1.0001KiB', '16mib', '16Mib', 'MiB', '1e9', '99999999TiB', '1 2'])(
    '"%s" is none',
    text => expect(parseByteSize(text)).toBeUndefined(),
  )

  test('what is shown reads back as the same', () => {
    fc.assert(fc.property(fc.maxSafeNat(), bytes => parseByteSize(showByteSize(bytes)) === bytes))
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.constantFrom(10, 20, 30, 40),
        (n, bits) => parseByteSize(showByteSize(n * 2 ** bits)) === n * 2 ** bits,
      ),
    )
  })
})

describe('durations', () => {
  test('what is shown reads back as the same', () => {
    fc.assert(fc.property(fc.nat(10 ** 12), span => parseDuration(showDuration(span)) === span))
  })

  test('24h is said so, longer ones in days', () => {
    expect([86_400_000, 129_600_000, 604_800_000, 0, 90_000].map(showDuration)).toEqual([
      '24h',
      '36h',
      '7d',
      '0s',
      '1m30s',
    ])
  })
})

describe('addresses', () => {
  test.each([
    ['127.0.0.1:7400', { host: '127.0.0.1', port: 7400 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['db.example:65535', { host: 'db.example', port: 65_535 }],
  ])('%s is one', (text, expected) => expect(parseHostPort(text)).toEqual(expected))

  test.each(['', ':1', 'h', 'h:', 'h:65536', '::1:5', 'h:1:2', 'http://h:1', 'h/p:1', 'h:+1'])(
    '"%s" is none',
    text => expect(parseHostPort(text)).toBeUndefined(),
  )

  test('a URL needs one of the protocols and no password', () => {
    expect(url(['https']).safeParse('https://h/p').data).toBe('https://h/p')
    for (const text of ['http://h', 'https://u:p@h', 'h', ''])
      expect(url(['https']).safeParse(text).success, text).toBe(false)
  })
})
