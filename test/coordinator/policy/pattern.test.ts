import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matches } from '../../../coordinator/policy/pattern.ts'

describe('a pattern', () => {
  it.each([
    ['shop', 'shops', false],
    ['shop', 'Shop', false],
    ['shop*', 'shop', true],
    ['*shop', 'workshop', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*a*b*', 'xbxa', false],
    ['*a*b*', 'xaxbx', true],
    ['a.c', 'abc', false],
    ['*', '', true],
    ['', '', true],
    ['', 'x', false],
    ['a**b', 'ab', true],
    ['tmp_*_old', 'tmp__old', true],
    ['tmp_*_old', 'tmp_old', false],
  ])('%s against %s: %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected)
  })

  it('agrees with the obvious regular expression', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 })
    fc.assert(
      fc.property(word, text, (pattern, name) => {
        expect(matches(pattern, name)).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name))
      }),
      { numRuns: 2_000 },
    )
  })
})
