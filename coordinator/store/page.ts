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
  let paged = query
  if (request.after !== undefined) {
    const key = keyOf(order.list, order.form, request.after)
    const columns = sql.join(order.columns.map(column => sql.ref(column)))
    const values = sql.join(key.map(value => sql.val(value)))
    const beyond = order.direction === 'asc' ? sql`>` : sql`<`
    paged = paged.where(sql<boolean>`(${columns}) ${beyond} (${values})`)
  }
  for (const column of order.columns) paged = paged.orderBy(sql.ref(column), order.direction)
  const rows = await paged.limit(size + 1).execute()
  const items = rows.slice(0, size)
  const last = items.at(-1)
  const page = { items: items.map(itemOf) }
  return rows.length > size && last !== undefined
    ? { ...page, next: tokenOf(order.list, keyOfRow(last)) }
    : page
}
