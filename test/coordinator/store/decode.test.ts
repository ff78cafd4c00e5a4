import { expect, test } from 'vitest'
import { decoder } from '../../../coordinator/store/decode.ts'

interface Thing {
  readonly id: string
  readonly size: number
  readonly live: boolean
  readonly tags: readonly string[]
  readonly facts: Readonly<Record<string, string>>
  readonly note?: string
}

const decode = decoder<Thing>('things', {
  id: 'text',
  size: 'number',
  live: 'flag',
  tags: 'list',
  facts: 'object',
  note: 'text?',
})

const good = { id: 'a', size: 1, live: true, tags: ['x'], facts: { k: 'v' } }

test.each([
  ['not JSON', '{'],
  ['a list', '[]'],
  ['null', 'null'],
  ['a number', '5'],
  ['a missing field', JSON.stringify({ ...good, size: undefined })],
  ['a field of another form', JSON.stringify({ ...good, live: 1 })],
  ['an object for a list', JSON.stringify({ ...good, tags: {} })],
  ['a list for an object', JSON.stringify({ ...good, facts: [] })],
  ['null for an optional field', JSON.stringify({ ...good, note: null })],
])('%s is store.corrupt with table and id', (_what, record) => {
  expect(() => decode('a', { record })).toThrow(
    expect.objectContaining({
      code: 'store.corrupt',
      context: expect.objectContaining({ table: 'things', id: 'a' }),
    }),
  )
})

test('unknown fields of a newer version are kept', () => {
  expect(decode('a', { record: JSON.stringify({ ...good, later: [1] }) })).toEqual({ ...good, later: [1] })
})
