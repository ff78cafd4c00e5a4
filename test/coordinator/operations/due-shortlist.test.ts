import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DueItem, DueShortlist } from '../../../coordinator/operations/due-shortlist.ts'
import { newId } from '../../../shared/clock/index.ts'

const [one, other] = [newId('cluster'), newId('cluster')]

function item(over: Partial<DueItem>): DueItem {
  return { id: 'a', clusterId: one, dueAt: 0, deadline: 0, ...over }
}

describe('the shortlist of due backups', () => {
  test('keeps nothing for a cluster whose queue is full', () => {
    const list = new DueShortlist(id => (id === one ? 0 : 2))
    list.offer(item({ id: 'a' }))
    list.offer(item({ id: 'b', clusterId: other }))
    expect(list.hasRoom(one)).toBe(false)
    expect(list.hasRoom(other)).toBe(true)
    expect(list.take(10).map(each => each.id)).toEqual(['b'])
  })

  test('prefers whose promise breaks first, then who is due longest, then the lower id', () => {
    const list = new DueShortlist(() => 10)
    list.offer(item({ id: 'late', deadline: 9, dueAt: 1 }))
    list.offer(item({ id: 'z', deadline: 5, dueAt: 4 }))
    list.offer(item({ id: 'y', deadline: 5, dueAt: 4 }))
    list.offer(item({ id: 'longest', deadline: 5, dueAt: 3 }))
    list.offer(item({ id: 'broken', deadline: -1, dueAt: 8 }))
    expect(list.take(10).map(each => each.id)).toEqual(['broken', 'longest', 'y', 'z', 'late'])
    expect(list.take(2).map(each => each.id)).toEqual(['broken', 'longest'])
  })

  test('a thousand that are due in one cluster do not keep out the one of another, however late it is', () => {
    const list = new DueShortlist(() => 3)
    for (let i = 0; i < 1_000; i++) list.offer(item({ id: `x${i}`, deadline: i }))
    list.offer(item({ id: 'alone', clusterId: other, deadline: 1e9 }))
    expect(list.take(10).map(each => each.id)).toEqual(['x0', 'x1', 'x2', 'alone'])
  })

  test('is what sorting everything and taking the first of each cluster would be, in whatever order it is offered', () => {
    const items = fc.array(
      fc.record({
        clusterId: fc.constantFrom(one, other),
        dueAt: fc.integer({ min: 0, max: 5 }),
        deadline: fc.integer({ min: 0, max: 5 }),
      }),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(items, fc.integer({ min: 0, max: 6 }), (given, room) => {
        const all = given.map((each, i) => ({ ...each, id: String(i).padStart(3, '0') }))
        const list = new DueShortlist(() => room)
        for (const each of all) list.offer(each)
        const sorted = all.toSorted(
          (a, b) => a.deadline - b.deadline || a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1),
        )
        const first = sorted.filter(
          (each, i) => sorted.slice(0, i).filter(e => e.clusterId === each.clusterId).length < room,
        )
        expect(list.take(1_000)).toEqual(first)
      }),
    )
  })
})
