import { sql } from 'kysely'
import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Dialect } from './dialect.ts'
import { ownVersion, refuseNewer } from './migrate.ts'
import type { Leadership } from './port.ts'
import type { Database } from './schema.ts'
import { unavailable } from './store-error.ts'

/**
 * The leader row: its epoch is the term. Taking it over needs an exclusive lock on the row, so it waits for the
 * old leader's transaction under way (which holds it `for share`), or for the server to end that one by its
 * time-out; after it, the fence refuses whatever the old leader still writes (facts-runtime B1).
 */
export class StoreLeadership implements Leadership {
  readonly #db: Database
  readonly #dialect: Dialect
  readonly #clock: Clock
  #term: number | undefined
  #held = false

  constructor(db: Database, dialect: Dialect, clock: Clock) {
    this.#db = db
    this.#dialect = dialect
    this.#clock = clock
  }

  get term(): number | undefined {
    return this.#term
  }

  /** Why a write is refused now: it was deposed, or it never led. */
  refusal(): AppError {
    return new AppError(this.#held ? 'leader.deposed' : 'leader.none')
  }

  /**
   * On SQLite the file lock proves that the former holder is gone, so the row is taken whatever its age.
   *
   * @throws AppError `store.newer` when the schema has moved beyond this program, `store.unavailable`
   */
  async tryAcquire(holder: string, staleAfterMs: number): Promise<number | undefined> {
    if (this.#term !== undefined && (await this.renew())) return this.#term
    return this.#guard('acquire', async () => {
      const schema = await this.#db
        .selectFrom('schema_version')
        .select(['version', 'min_reader'])
        .where('id', '=', 1)
        .executeTakeFirstOrThrow()
      refuseNewer(schema, ownVersion())
      const now = this.#now()
      const free = this.#dialect.soleHolder
        ? sql<boolean>`1 = 1`
        : sql<boolean>`(holder = '' or renewed_at < ${now} - cast(${Math.trunc(staleAfterMs)} as bigint))`
      const taken = await this.#db
        .updateTable('leader')
        .set(eb => ({ holder, epoch: eb('epoch', '+', 1), renewed_at: now }))
        .where('id', '=', 1)
        .where(free)
        .returning('epoch')
        .executeTakeFirst()
      if (taken === undefined) return undefined
      this.#term = taken.epoch
      this.#held = true
      return taken.epoch
    })
  }

  /** @throws AppError `store.unavailable`: then nobody knows, and the caller's own clock decides */
  async renew(): Promise<boolean> {
    const term = this.#term
    if (term === undefined) return false
    return this.#guard('renew', async () => {
      const renewed = await this.#db
        .updateTable('leader')
        .set({ renewed_at: this.#now() })
        .where('id', '=', 1)
        .where('epoch', '=', term)
        .returning('epoch')
        .executeTakeFirst()
      if (renewed === undefined) this.depose(term)
      return renewed !== undefined
    })
  }

  async release(): Promise<void> {
    const term = this.#term
    if (term === undefined) return
    this.#term = undefined
    this.#held = false
    await this.#guard('release', () =>
      this.#db
        .updateTable('leader')
        .set({ holder: '', renewed_at: 0 })
        .where('id', '=', 1)
        .where('epoch', '=', term)
        .execute(),
    )
  }

  /** Forgets the term: the fence found another one. */
  depose(term: number): void {
    if (this.#term === term) this.#term = undefined
  }

  #now() {
    return this.#dialect.now(this.#clock.now().wall)
  }

  async #guard<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      throw unavailable(thrown, { leadership: what })
    }
  }
}
