import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyOf, tokenOf } from '../../../coordinator/store/page-token.ts'

const form = ['text', 'int'] as const

test('a token gives back the key it was made from, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), (text, int) => {
      fc.pre(text.isWellFormed() && !text.includes('\0'))
      expect(keyOf('jobs', form, tokenOf('jobs', [text, int]))).toEqual([text, int])
    }),
  )
})

test('anything else is page-token.invalid, never another error', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String(),
        fc.json().map(json => Buffer.from(json).toString('base64url')),
      ),
      token => {
        expect(() => keyOf('jobs', form, token)).toThrow(
          expect.objectContaining({ code: 'page-token.invalid' }),
        )
      },
    ),
  )
  for (const key of [['a'], ['a', 'b'], ['a', 1, 2], [1, 1], ['a', 1.5], ['a', 2 ** 60]])
    expect(() => keyOf('jobs', form, tokenOf('jobs', key))).toThrow(
      expect.objectContaining({ code: 'page-token.invalid' }),
    )
  expect(() => keyOf('jobs', form, tokenOf('alerts', ['a', 1]))).toThrow(
    expect.objectContaining({ code: 'page-token.invalid' }),
  )
})
