import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { json } from '../../cli/print/json.ts'
import { card, table } from '../../cli/print/table.ts'
import { ago, bytes, shortDuration } from '../../cli/print/units.ts'

describe('table', () => {
  const columns = [
    { heading: 'ID', value: (r: { id: string; name: string }) => r.id },
    { heading: 'NAME', value: (r: { id: string; name: string }) => r.name, shrinkTo: 5 },
  ]

  test('shrinks the column that may shrink and marks the cut', () => {
    expect(table([{ id: '1234567890', name: 'a-very-long-database-name' }], columns, 24)).toBe(
      'ID          NAME\n1234567890  a-very-long…',
    )
  })

  test.for([
    [{ cut: 'start' }, '…base-name'],
    [{ cut: 'middle' }, 'a-ver…-name'],
    [{ wrap: true }, 'a-very-long\n            -database-n\n            ame'],
  ] as const)('%j shows %s', ([how, shown]) => {
    const [id, name] = columns
    const cut = [id, { ...name, ...how }].filter(column => column !== undefined)
    const width = 'wrap' in how ? 23 : 22 + ('cut' in how && how.cut === 'middle' ? 1 : 0)
    const text = table(
      [{ id: '1234567890', name: 'a-very-long-database-name' }],
      cut as typeof columns,
      width,
    )
    expect(text.split('\n').slice(1).join('\n')).toBe(`1234567890  ${shown}`)
  })

  test('a wrapped column breaks between words and loses nothing', () => {
    const [id, name] = columns
    const cut = [id, { ...name, wrap: true }].filter(column => column !== undefined)
    expect(table([{ id: '1', name: 'due since five hours' }], cut as typeof columns, 14)).toBe(
      'ID  NAME\n1   due since\n    five hours',
    )
  })

  test.for(['end', 'start', 'middle', 'wrap'] as const)(
    'no line is wider than asked, whatever the names hold (%s)',
    how => {
      const [id, name] = columns
      const shrinking = [id, { ...name, ...(how === 'wrap' ? { wrap: true } : { cut: how }) }].filter(
        column => column !== undefined,
      ) as typeof columns
      fc.assert(
        fc.property(
          fc.array(
            fc.record({
              id: fc.string({ maxLength: 10 }),
              name: fc.string({ unit: 'grapheme', maxLength: 60 }),
            }),
            { minLength: 1 },
          ),
          rows => {
            for (const line of table(rows, shrinking, 40).split('\n'))
              expect(stringWidth(line)).toBeLessThanOrEqual(40)
          },
        ),
      )
    },
  )

  test('control characters in names never reach the terminal', () => {
    const shown = table([{ id: '1', name: 'a\nb\u001b[2Jc' }], columns, 80)
    expect(shown.split('\n')).toHaveLength(2)
    expect(shown).not.toContain('\u001b')
  })
})

test('a card leaves out what is empty and lines the rest up', () => {
  expect(
    card([
      ['a', '1'],
      ['long name', '2'],
      ['gone', ''],
    ]),
  ).toBe('a          1\nlong name  2')
})

test('json has the names of the contract, and a manifest as JSON', () => {
  const text = json({
    jobsFailed24h: 1,
    manifestSha256: 'x',
    manifest: new TextEncoder().encode('{"a":1}'),
    job: undefined,
  })
  expect(JSON.parse(text)).toEqual({
    jobs_failed_24h: 1,
    manifest_sha256: 'x',
    manifest: { a: 1 },
    job: null,
  })
})

describe('units', () => {
  test('bytes keep three digits', () => {
    expect([0, 512, 1536, 212_860_928, 999_999_999_999].map(bytes)).toEqual([
      '0 B',
      '512 B',
      '1.5 KiB',
      '203 MiB',
      '931 GiB',
    ])
  })
  test('ago speaks of past, future and never', () => {
    expect(ago(0, 1_000_000)).toBe('never')
    expect(ago(900_000, 1_000_000)).toBe('100s ago')
    expect(ago(4_600_000, 1_000_000)).toBe('in 60m')
    expect(shortDuration(3 * 86_400_000 + 5)).toBe('3d')
  })
})
