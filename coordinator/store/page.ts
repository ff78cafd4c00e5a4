import { type SelectQueryBuilder, sql } from 'kysely'
import { type KeyForm, keyOf, type PageKey, tokenOf } from './page-token.ts'
import type { Page, PageRequest } from './port.ts'

/** The most rows of a page, whatever was asked for. */
export const largestPage = 1_000

/** How a list is sorted: the columns of its key, unique together, all in one direction. */
export interface ListOrder {
  /** Tags the page tokens, so that another list's token is refused. */
  readonly list: string
  readonly columns: readonly string[]
  readonly form: KeyForm
  readonly direction: 'asc' | 'desc'
}

/** Rows asked for as a page holds them: 1 to 1,000; nonsense is one. */
export function pageSize(request: PageRequest): number {
  return Math.min(Math.max(Math.trunc(request.size) || 1, 1), largestPage)
}

/**
 * Runs a query as one page in key order: keyset by row-value comparison, one row more than asked for to know
 * whether there is a next page. `keyOfRow` gives the key columns' values of a row, in order.
 *
 * @throws AppError `page-token.invalid`
 */
export async function pageOf<DB, TB extends keyof DB, Row, T>(
  query: SelectQueryBuilder<DB, TB, Row>,
  order: ListOrder,
  request: PageRequest,
  keyOfRow: (row: Row) => PageKey,
  itemOf: (row: Row) => T,
): Promise<Page<T>> {
  const size = pageSize(request)
  return cut(
    await beyond(query, order, request)
      .limit(size + 1)
      .execute(),
    size,
    order.list,
    keyOfRow,
    itemOf,
  )
}

/** The query in the list's order, from where the page begins. */
function beyond<DB, TB extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, TB, Row>,
  order: ListOrder,
  request: PageRequest,
): SelectQueryBuilder<DB, TB, Row> {
  let paged = query
  if (request.after !== undefined) {
    const key = keyOf(order.list, order.form, request.after)
    const columns = sql.join(order.columns.map(column => sql.ref(column)))
    const values = sql.join(key.map(value => sql.val(value)))
    const sign = order.direction === 'asc' ? sql`>` : sql`<`
    paged = paged.where(sql<boolean>`(${columns}) ${sign} (${values})`)
  }
  for (const column of order.columns) paged = paged.orderBy(sql.ref(column), order.direction)
  return paged
}

/**
 * One page of several queries of the same list, merged: each is asked for a page's worth along its own index. Keys
 * must be numbers and ASCII.
 */
export async function pageOfMany<DB, TB extends keyof DB, Row, T>(
  queries: readonly SelectQueryBuilder<DB, TB, Row>[],
  order: ListOrder,
  request: PageRequest,
  keyOfRow: (row: Row) => PageKey,
  itemOf: (row: Row) => T,
): Promise<Page<T>> {
  const size = pageSize(request)
  let merged: Row[] = []
  // a few at a time: PostgreSQL has connections for no more
  for (let from = 0; from < queries.length; from += atATime) {
    const pages = await Promise.all(
      queries.slice(from, from + atATime).map(query =>
        beyond(query, order, request)
          .limit(size + 1)
          .execute(),
      ),
    )
    if (pages.every(rows => rows.length === 0)) continue
    merged = [...merged, ...pages.flat()]
      .sort((a, b) => compareKeys(keyOfRow(a), keyOfRow(b)) * (order.direction === 'asc' ? 1 : -1))
      .slice(0, size + 1)
  }
  return cut(merged, size, order.list, keyOfRow, itemOf)
}

const atATime = 4

/** Below 0 when `a` comes before `b`, part by part. */
export function compareKeys(a: PageKey, b: PageKey): number {
  // no iterator: a list out of memory compares a hundred thousand keys
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [a[i], b[i]]
    if (left === undefined || right === undefined || left === right) continue
    return left < right ? -1 : 1
  }
  return 0
}

function cut<Row, T>(
  rows: readonly Row[],
  size: number,
  list: string,
  keyOfRow: (row: Row) => PageKey,
  itemOf: (row: Row) => T,
): Page<T> {
  const items = rows.slice(0, size)
  const last = items.at(-1)
  const page = { items: items.map(itemOf) }
  return rows.length > size && last !== undefined ? { ...page, next: tokenOf(list, keyOfRow(last)) } : page
}
