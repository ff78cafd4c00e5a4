import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatFilter, parseFilter } from '../../../shared/model/filter.ts'

describe('list filter', () => {
  test('any value, with commas, equals signs and backslashes, comes back as it was', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, unit: 'binary' }),
        fc.string({ minLength: 1, unit: 'binary' }),
        (name, state) => {
          const parsed = parseFilter(formatFilter({ name, state }), ['name', 'state'])
          expect(parsed).toEqual(
            new Map([
              ['name', name],
              ['state', state],
            ]),
          )
        },
      ),
    )
  })

  test('an unknown key is named together with those there are', () => {
    expect(parseFilter('colour=red', ['state', 'kind'])).toBe(
      '`colour` is no key of this list; it has: state, kind',
    )
  })

  test('a pair without a key and a key given twice are refused', () => {
    expect(parseFilter('=x', ['a'])).toContain('not of the form key=value')
    expect(parseFilter('x', ['a'])).toContain('not of the form key=value')
    expect(parseFilter('a=1,a=2', ['a'])).toContain('given twice')
  })

  test('absent and empty values are left out', () => {
    expect(formatFilter({ a: undefined, b: '', c: 'x' })).toBe('c=x')
    expect(parseFilter('', ['a'])).toEqual(new Map())
  })
})
