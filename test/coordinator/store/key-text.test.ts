import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyText } from '../../../coordinator/store/key-text.ts'

test('ordinary text is itself', () => {
  for (const text of ['', 'orders', 'per%cent', "o'clock", '漢字', '🦉'.repeat(250)])
    expect(keyText(text)).toBe(text)
})

test('NUL and lone surrogates, which PostgreSQL cannot store, are replaced', () => {
  expect(keyText('a\0b\ud800c')).toBe('a\ufffdb\ufffdc')
})

test('any text fits an index row and stays well-formed; long ones that differ at their end still differ', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3_000 }), text => {
      const key = keyText(text)
      expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1_070)
      expect(key.isWellFormed()).toBe(true)
    }),
  )
  const long = '🦉'.repeat(1_000)
  expect(keyText(`${long}a`)).not.toBe(keyText(`${long}b`))
  expect(keyText(long)).toBe(keyText(long))
})
