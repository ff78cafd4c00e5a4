import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type PictureOrder, pageOfPicture } from '../../../coordinator/fleet/picture-page.ts'
import type { Page, PageRequest } from '../../../coordinator/store/port.ts'

interface Thing {
  readonly id: string
  readonly n: number
}

function byNumber(direction: 'asc' | 'desc'): PictureOrder<Thing> {
  return { list: 'things', form: ['int', 'text'], direction, keyOf: ({ n, id }) => [n, id] }
}

function walk(size: number, ask: (page: PageRequest) => Page<Thing>): readonly (readonly Thing[])[] {
  const pages: (readonly Thing[])[] = []
  for (let after: string | undefined; ; ) {
    const { items, next } = ask({ size, ...(after === undefined ? {} : { after }) })
    pages.push(items)
    if (next === undefined) return pages
    after = next
  }
}

test('pages in either direction hold what is wanted, in order, once, and are full but for the last', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 7 }),
      fc.constantFrom('asc' as const, 'desc' as const),
      (numbers, size, direction) => {
        const things = numbers.map((n, i) => ({ id: `t${String(i * 7).padStart(3, '0')}`, n }))
        const wanted = ({ n }: Thing) => n !== 3
        const pages = walk(size, page => pageOfPicture(things, byNumber(direction), page, wanted))
        const sorted = things.filter(wanted).sort((a, b) => a.n - b.n || (a.id < b.id ? -1 : 1))
        expect(pages.flat()).toEqual(direction === 'asc' ? sorted : sorted.reverse())
        for (const page of pages.slice(0, -1)) expect(page).toHaveLength(size)
      },
    ),
  )
})

test('a page of another list is refused', () => {
  const things = [1, 2, 3].map(n => ({ id: `t${n}`, n }))
  const { next = '' } = pageOfPicture(things, byNumber('asc'), { size: 1 }, () => true)
  const other = { ...byNumber('asc'), list: 'others' }
  expect(() => pageOfPicture(things, other, { size: 1, after: next }, () => true)).toThrow(
    expect.objectContaining({ code: 'page-token.invalid' }),
  )
})
