import { expect, test } from 'vitest'
import { nearest } from '../../../shared/config/nearest.ts'

const keys = ['listen', 'store', 'status_listen', 'part_size', 'lease_ttl']

test.each([
  ['listen', 'listen'],
  ['litsen', 'listen'],
  ['partSize', 'part_size'],
  ['PART-SIZE', 'part_size'],
  ['lease_tll', 'lease_ttl'],
  ['stor', 'store'],
])('%s is near %s', (word, key) => expect(nearest(word, keys)).toBe(key))

test.each(['banana', 'x', 'encryption'])('%s is near none', word =>
  expect(nearest(word, keys)).toBeUndefined(),
)
