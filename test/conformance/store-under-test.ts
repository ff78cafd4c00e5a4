import type { Store, StoreOptions } from '../../coordinator/store/index.ts'

/** A database of a test's own, and what the suite may do with it. */
export interface StoreUnderTest extends AsyncDisposable {
  /** Opens it (not more than one at a time on SQLite); closed with the rest. Leads unless told not to. */
  open(options?: Partial<StoreOptions> & { readonly lead?: boolean }): Promise<Store>
  /** Runs SQL behind the store's back. */
  tamper(sql: string): Promise<void>
}

/** Makes an empty database. */
export type MakeStore = () => Promise<StoreUnderTest>

/** All pages of a list, one after the other. */
export async function allPages<T>(
  list: (page: { size: number; after?: string }) => Promise<{ items: readonly T[]; next?: string }>,
  size: number,
): Promise<T[]> {
  const items: T[] = []
  for (let after: string | undefined; ; ) {
    const page = await list(after === undefined ? { size } : { size, after })
    items.push(...page.items)
    if (page.next === undefined) return items
    after = page.next
  }
}

/** What a rejected promise was rejected with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (thrown) {
    return thrown
  }
  throw new Error('it was not rejected')
}
