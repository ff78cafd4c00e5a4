import { type Clock, newId } from '../../shared/clock/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { IdKind, IdOf } from '../../shared/model/identifiers.ts'
import type { SecretSource } from '../../shared/secrets/index.ts'
import type { Backend } from './dialect.ts'
import { StoreLeadership } from './leadership.ts'
import { migrate } from './migrate.ts'
import type { Store } from './port.ts'
import { readModel } from './read/read-model.ts'
import { openSqlite } from './sqlite/open-sqlite.ts'
import { unavailable } from './store-error.ts'
import { storeLocation } from './store-url.ts'
import { type StoreMetrics, Writer, type WriterLimits } from './writer.ts'

/** How to open a store. Everything after `log` has a default. */
export interface StoreOptions {
  /** `sqlite:/absolute/file.db`, `sqlite::memory:`, `postgres://user@host:port/database`. */
  readonly url: string
  readonly clock: Clock
  readonly log: Log
  readonly newId?: <K extends IdKind>(kind: K) => IdOf<K>
  /** PostgreSQL: the file with the password, 0600, read at each connection. */
  readonly passwordFile?: SecretSource
  /** Default 100. */
  readonly maxBatch?: number
  /** Default 25 on SQLite, 50 on PostgreSQL. */
  readonly maxWaitMs?: number
  /** Default 4. */
  readonly maxHoldMs?: number
  /** Default 5. */
  readonly gatherMs?: number
  /** Default 10,000. */
  readonly maxQueue?: number
  /** Default 10,000. */
  readonly stepTimeoutMs?: number
  readonly metrics?: StoreMetrics
  /** The store was just restored from a copy: give it a new incarnation. */
  readonly restored?: boolean
}

/**
 * Opens the store, brings its schema up to date and gives it an identity at its first opening. It leads nothing
 * yet: writes are refused until `leadership.tryAcquire` gave a term. `close` finishes what waits and gives the
 * leader row back.
 *
 * @throws AppError `config.invalid`, `store.locked`, `store.newer`, `store.unavailable`, `secret.*`
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { clock, log } = options
  const backend = await connect(options)
  try {
    const { db, dialect } = backend
    const applied = await backend.migrating(own => migrate(own, dialect, clock.now().wall))
    if (applied.length > 0)
      log.info('the schema of the store was brought up to date', { applied: applied.join(',') })
    const { incarnation, fleetId } = await identify(backend, options)
    const leadership = new StoreLeadership(db, dialect, clock)
    const limits: WriterLimits = {
      maxBatch: options.maxBatch ?? 100,
      maxWaitMs: options.maxWaitMs ?? (dialect.blocking ? 25 : 50),
      maxHoldMs: options.maxHoldMs ?? 4,
      gatherMs: options.gatherMs ?? 5,
      maxQueue: options.maxQueue ?? 10_000,
      stepTimeoutMs: options.stepTimeoutMs ?? 10_000,
    }
    const writer = new Writer({ backend, leadership, clock, log, limits, metrics: options.metrics ?? {} })
    return {
      kind: dialect.kind,
      incarnation,
      fleetId,
      leadership,
      write: (label, step) => writer.write(label, step),
      read: readModel(backend.readers),
      flush: () => writer.flush(),
      close: onceOnly(async () => {
        await writer.close()
        await leadership.release().catch(error => log.warn('the leader row was not given back', { error }))
        await backend.close()
      }),
    }
  } catch (thrown) {
    await backend.close().catch(() => undefined)
    throw unavailable(thrown, { store: backend.dialect.kind })
  }
}

async function connect(options: StoreOptions): Promise<Backend> {
  const location = storeLocation(options.url)
  if (location.kind === 'sqlite') return openSqlite(location.path, options.log)
  try {
    // no start on SQLite pays for the library of PostgreSQL
    const { openPostgres } = await import('./postgres/open-postgres.ts')
    return await openPostgres(location.url, options)
  } catch (thrown) {
    throw unavailable(thrown, { store: location.kind })
  }
}

async function identify({ db }: Backend, options: StoreOptions) {
  const id = options.newId ?? newId
  return db.transaction().execute(async trx => {
    await trx
      .insertInto('store_identity')
      .values({
        id: 1,
        incarnation: id('incarnation'),
        fleet_id: id('fleet'),
        created_at: options.clock.now().wall,
      })
      .onConflict(oc => oc.column('id').doNothing())
      .execute()
    if (options.restored === true)
      await trx
        .updateTable('store_identity')
        .set({ incarnation: id('incarnation') })
        .where('id', '=', 1)
        .execute()
    const row = await trx
      .selectFrom('store_identity')
      .select(['incarnation', 'fleet_id'])
      .where('id', '=', 1)
      .executeTakeFirstOrThrow()
    return { incarnation: row.incarnation, fleetId: row.fleet_id }
  })
}

function onceOnly(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= work()
    return done
  }
}
