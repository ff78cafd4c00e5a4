import { describe, expect, it } from 'vitest'
import { conninfo, passfileLine } from '../../../../agent/engines/postgres/libpq.ts'
import {
  checkName,
  quoteIdentifier,
  quoteLiteral,
  workingNameOf,
} from '../../../../agent/engines/postgres/name.ts'

describe('a database name of PostgreSQL', () => {
  it.each([
    ['empty', ''],
    ['with a NUL', 'a\0b'],
    ['of 64 bytes', 'é'.repeat(32)],
    ['with half a surrogate pair', 'a\ud800'],
  ])('is refused when it is %s', (_label, name) => {
    expect(() => checkName(name)).toThrow(expect.objectContaining({ code: 'database.name-unsupported' }))
  })

  it.each(['é'.repeat(31), '-d', ' ', '\n', 'postgresql://x', 'a=b'])('is taken as it is: %j', name => {
    expect(() => checkName(name)).not.toThrow()
  })

  it('is never read as a connection string (facts-databases §17)', () => {
    expect(conninfo('host=x')).toBe(`dbname='host=x'`)
    expect(conninfo(`it's \\ "q"`)).toBe(`dbname='it\\'s \\\\ "q"'`)
  })

  it('is quoted as identifier and literal', () => {
    expect(quoteIdentifier('a"b')).toBe('"a""b"')
    expect(quoteLiteral("it's")).toBe("'it''s'")
    expect(quoteLiteral('back\\slash')).toBe("E'back\\\\slash'")
  })
})

describe('the hidden name of a restore', () => {
  const attempt = 'att_01900000-0000-7000-8000-abcdef012345'

  it.each(['orders', 'x'.repeat(63), '漢'.repeat(21), '😀'.repeat(15)])('fits and is whole: %s', into => {
    const name = workingNameOf(into, attempt)
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63)
    expect(name.isWellFormed()).toBe(true)
    expect(name).toMatch(/__restoring_abcdef012345$/)
    expect(() => checkName(name)).not.toThrow()
  })

  it('differs between attempts of the same millisecond', () => {
    expect(workingNameOf('x', attempt)).not.toBe(workingNameOf('x', attempt.replace('2345', '9999')))
  })
})

describe('a passfile', () => {
  it('escapes what separates its fields', () => {
    expect(passfileLine('a:b\\c')).toBe('*:*:*:*:a\\:b\\\\c\n')
  })
})
