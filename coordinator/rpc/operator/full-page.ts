import { setImmediate as turn } from 'node:timers/promises'
import type { Page, PageRequest } from '../../store/port.ts'

const leastAtOnce = 200
const mostAtOnce = 1_000

/**
 * A page of what of a list is wanted, full unless the list ends: asks for as many pages of the list as that takes,
 * and lets others have their turn between them.
 */
export async function fullPage<T>(
  { size, after }: PageRequest,
  ask: (page: PageRequest) => Promise<Page<T>>,
  wanted: (item: T) => boolean,
): Promise<Page<T>> {
  const kept: T[] = []
  let place = after
  for (let atOnce = Math.max(size + 1, leastAtOnce); ; atOnce = mostAtOnce) {
    const from = place === undefined ? {} : { after: place }
    const { items, next } = await ask({ size: Math.min(atOnce, mostAtOnce), ...from })
    for (const [i, item] of items.entries()) {
      if (!wanted(item)) continue
      kept.push(item)
      if (kept.length < size) continue
      // the token of a row is that of the page which ends with it
      const { next: beyond } = await ask({ size: i + 1, ...from })
      return beyond === undefined ? { items: kept } : { items: kept, next: beyond }
    }
    if (next === undefined) return { items: kept }
    place = next
    await turn()
  }
}
