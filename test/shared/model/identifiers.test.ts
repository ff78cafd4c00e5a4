import { describe, expect, test } from 'vitest'
import { newId } from '../../../shared/clock/index.ts'
import { type IdKind, idFrom, idPrefixes, isId } from '../../../shared/model/identifiers.ts'

const kinds = Object.keys(idPrefixes) as IdKind[]

describe('identifiers', () => {
  test('each kind has a prefix of its own', () => {
    expect(new Set(Object.values(idPrefixes)).size).toBe(kinds.length)
  })

  test.each(kinds)('a new %s is one of its kind and of no other', kind => {
    const id = newId(kind)
    expect(kinds.filter(other => isId(other, id))).toEqual([kind])
  })

  test('identifiers made later sort later', () => {
    const made = Array.from({ length: 50 }, () => newId('job'))
    expect([...made].sort()).toEqual(made)
  })

  test.each([
    '',
    'job_',
    'job_x',
    'JOB_01890000-0000-7000-8000-000000000000',
    'job_01890000-0000-4000-8000-000000000000',
    'job_01890000-0000-7000-8000-000000000000\n',
    'att_01890000-0000-7000-8000-000000000000',
  ])('%j is no job id', text => expect(isId('job', text)).toBe(false))

  test('nothing but a UUIDv7 in lower case becomes one', () => {
    expect(idFrom('job', '01890000-0000-7000-8000-000000000000')).toBe(
      'job_01890000-0000-7000-8000-000000000000',
    )
    expect(() => idFrom('job', '01890000-0000-7000-8000-00000000000A')).toThrow(TypeError)
  })
})
