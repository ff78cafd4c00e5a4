import type { Kysely } from 'kysely'
import type { Dialect } from '../dialect.ts'

/**
 * One step of the schema. `compatible`: a process of the version before goes on reading and writing.
 * `breaking`: it cannot, so `min_reader` rises, and whoever leads with older code is deposed.
 */
export interface Migration {
  readonly number: number
  readonly name: string
  readonly kind: 'compatible' | 'breaking'
  /** Runs inside the migration's transaction; once committed to the main branch it is never edited again. */
  up(db: Kysely<unknown>, dialect: Dialect): Promise<void>
}
