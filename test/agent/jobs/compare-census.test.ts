import { describe, expect, it } from 'vitest'
import { compareCensus } from '../../../agent/jobs/compare-census.ts'
import type { Census, CensusCounts } from '../../../shared/model/census.ts'

const census = (changes: Partial<Census> = {}): Census => ({
  format: 'holdfast.census',
  version: 1,
  attempt_id: 'att_1',
  database: 'shop',
  tables: [
    { schema: 'app', name: 'orders', rows: '9007199254740993' },
    { name: 'unqualified', rows: '0' },
  ],
  sequences: [{ schema: 'app', name: 'seq', last: '10' }],
  objects: { views: 2, indexes: 3 },
  skipped: [],
  ...changes,
})
const held = (changes: Partial<CensusCounts> = {}): CensusCounts => {
  const { tables, sequences, objects, skipped } = census()
  return { tables, sequences, objects, skipped, ...changes }
}

describe('a census compared with what was restored', () => {
  it('is equal to itself, and to sequences that went on', () => {
    expect(compareCensus(census(), held())).toEqual({ differences: [], count: 0 })
    const sequences = [{ schema: 'app', name: 'seq', last: '11' }]
    expect(compareCensus(census(), held({ sequences })).count).toBe(0)
  })

  it.each<[string, Partial<CensusCounts>, RegExp]>([
    [
      'a count that differs by one beyond 2^53',
      {
        tables: [
          { schema: 'app', name: 'orders', rows: '9007199254740992' },
          { name: 'unqualified', rows: '0' },
        ],
      },
      /^table app\.orders has 9007199254740992 rows; it had 9007199254740993$/,
    ],
    [
      'a table that is missing',
      { tables: [{ name: 'unqualified', rows: '0' }] },
      /^table app\.orders is missing/,
    ],
    [
      'a table that was not there',
      { tables: [...census().tables, { schema: 'app', name: 'more', rows: '1' }] },
      /^table app\.more was not there$/,
    ],
    [
      'a table of another schema',
      {
        tables: [
          { schema: 'App', name: 'orders', rows: '9007199254740993' },
          { name: 'unqualified', rows: '0' },
        ],
      },
      /^table app\.orders is missing/,
    ],
    [
      'a sequence that went back',
      { sequences: [{ schema: 'app', name: 'seq', last: '9' }] },
      /^sequence app\.seq is at 9, behind 10$/,
    ],
    ['a sequence that is missing', { sequences: [] }, /^sequence app\.seq is missing/],
    ['objects of a kind', { objects: { views: 1, indexes: 3 } }, /^1 views; there were 2$/],
  ])('tells of %s', (_, found, line) => {
    const { differences } = compareCensus(census(), held(found))
    expect(differences[0]).toMatch(line)
  })

  it('a sequence that counts down may only have gone further down', () => {
    const down = (last: string) => [{ schema: 'app', name: 'seq', last, descending: true }]
    expect(compareCensus(census({ sequences: down('-5') }), held({ sequences: down('-6') })).count).toBe(0)
    expect(compareCensus(census({ sequences: down('-5') }), held({ sequences: down('-4') })).count).toBe(1)
  })

  it('leaves out what either side could not count, and kinds only one side knows', () => {
    const skipped = [{ name: 'app.orders', reason: 'foreign table' }]
    const without = held({ tables: [{ name: 'unqualified', rows: '0' }] })
    expect(compareCensus(census({ skipped }), without).count).toBe(0)
    expect(compareCensus(census(), { ...without, skipped }).count).toBe(0)
    expect(compareCensus(census(), held({ objects: { views: 2, triggers: 9 } })).count).toBe(0)
  })

  it('counts all differences and tells the first, none of them endless', () => {
    const tables = Array.from({ length: 30 }, (_, index) => ({
      name: `${'t'.repeat(500)}${index}`,
      rows: '1',
    }))
    const { differences, count } = compareCensus(census(), held({ tables: [...census().tables, ...tables] }))
    expect(count).toBe(30)
    expect(differences).toHaveLength(20)
    expect(Math.max(...differences.map(line => line.length))).toBeLessThanOrEqual(300)
  })
})
