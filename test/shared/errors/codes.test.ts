import { describe, expect, test } from 'vitest'
import { AppError, type ErrorTraits, errorCodes } from '../../../shared/errors/index.ts'

/** Exit statuses are API: what each means stands at the top of codes.ts. */
const exits = [1, 2, 10, 11, 12, 13, 14, 20, 21, 22, 30, 31, 40, 70, 130]

describe.each(Object.entries<ErrorTraits>(errorCodes))('%s', (code, traits) => {
  test('says what happened in lower case without full stop, and what to do in a sentence', () => {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)?$/)
    expect(traits.message).toMatch(/^(?:[a-z]|Holdfast)/)
    expect(traits.message).not.toMatch(/\.$/)
    expect(traits.hint).toMatch(/^[A-Z].*\.$/)
  })

  test('has an exit status of the documented ones', () => expect(exits).toContain(traits.exit))
})

describe('AppError', () => {
  test('goes through its plain form and back without loss, and without its cause', () => {
    const error = new AppError('stage.failed', {
      message: 'pg_dump ended with 1',
      context: { stage: 'pg_dump', status: 1 },
      cause: new Error('x'),
    })
    const again = AppError.fromFailure(JSON.parse(JSON.stringify(error.toFailure())))
    expect(again.toFailure()).toEqual(error.toFailure())
    expect(again.cause).toBeUndefined()
    expect(again.traits).toEqual(error.traits)
  })

  test('a hint of its own replaces the registry’s, and nothing else', () => {
    const error = new AppError('tool.missing', { hint: 'Install zstd.' })
    expect(error.traits).toEqual({ ...errorCodes['tool.missing'], hint: 'Install zstd.' })
    expect(errorCodes['tool.missing'].hint).not.toBe('Install zstd.')
  })

  test.each([[new TypeError('boom')], ['boom'], [undefined], [{ message: 'boom' }]])(
    'whatever was thrown (%s) becomes one, with its cause',
    thrown => {
      const error = AppError.from(thrown)
      expect(error.code).toBe('internal')
      expect(error.cause).toBe(thrown)
      const other = AppError.from(thrown, 'object-store.failed', { key: 'k' })
      expect(other).toMatchObject({ code: 'object-store.failed', context: { key: 'k' } })
    },
  )

  test('one that is one stays itself', () => {
    const error = new AppError('conflict')
    expect(AppError.from(error, 'internal')).toBe(error)
  })
})
