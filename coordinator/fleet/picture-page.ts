import { compareKeys as compare, pageSize } from '../store/page.ts'
import { type KeyForm, keyOf, type PageKey, tokenOf } from '../store/page-token.ts'
import type { Page, PageRequest } from '../store/port.ts'

/** How a list out of memory is sorted: its key, unique, all in one direction. */
export interface PictureOrder<T> {
  /** Tags the page tokens, so that another list's token is refused. */
  readonly list: string
  readonly form: KeyForm
  readonly direction: 'asc' | 'desc'
  readonly keyOf: (item: T) => PageKey
}

/**
 * A page of what is known in memory, in key order: one walk over all of it, in which only a page's worth is kept. What
 * a row is sorted by may change between two pages; then it may come twice or not at all, as in any list that moves.
 *
 * @throws AppError `page-token.invalid`
 */
export function pageOfPicture<T>(
  items: Iterable<T>,
  order: PictureOrder<T>,
  request: PageRequest,
  keep: (item: T) => boolean,
): Page<T> {
  const size = pageSize(request)
  const sign = order.direction === 'asc' ? 1 : -1
  const after = request.after === undefined ? undefined : keyOf(order.list, order.form, request.after)
  const kept: { readonly key: PageKey; readonly item: T }[] = []
  for (const item of items) {
    const key = order.keyOf(item)
    if (after !== undefined && sign * compare(key, after) <= 0) continue
    const last = kept[size]
    if (last !== undefined && sign * compare(key, last.key) >= 0) continue
    if (!keep(item)) continue
    let [low, high] = [0, kept.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sign * compare(kept[middle]?.key ?? key, key) < 0) low = middle + 1
      else high = middle
    }
    kept.splice(low, 0, { key, item })
    if (kept.length > size + 1) kept.pop()
  }
  const page = { items: kept.slice(0, size).map(each => each.item) }
  const last = kept[size - 1]
  return kept.length > size && last !== undefined ? { ...page, next: tokenOf(order.list, last.key) } : page
}
