import { type Kysely, sql } from 'kysely'
import { AppError } from '../../shared/errors/index.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { Dialect } from './dialect.ts'
import { type Migration, migrations as ours } from './migrations/index.ts'
import type { Database, Schema } from './schema.ts'

/** The newest schema this program knows. */
export function ownVersion(migrations: readonly Migration[] = ours): number {
  return migrations.at(-1)?.number ?? 0
}

/**
 * Brings the schema up to this program's version, in one transaction; one migrator at a time. A newer schema is
 * left alone while it can still be read (facts-runtime B5). After a breaking step nobody leads: older code that
 * did is deposed by the fence and refused by `tryAcquire`.
 *
 * @returns the numbers applied
 * @throws AppError `store.newer` when `min_reader` is above our version
 */
export async function migrate(
  db: Database,
  dialect: Dialect,
  at: Millis,
  migrations: readonly Migration[] = ours,
): Promise<readonly number[]> {
  return db.transaction().execute(async trx => {
    for (const statement of dialect.beforeMigration) await sql.raw(statement).execute(trx)
    await makeBookkeeping(trx, dialect)
    const stored = await trx
      .selectFrom('schema_version')
      .select(['version', 'min_reader'])
      .where('id', '=', 1)
      .executeTakeFirstOrThrow()
    refuseNewer(stored, ownVersion(migrations))

    const applied: number[] = []
    let minReader = stored.min_reader
    for (const migration of migrations) {
      if (migration.number <= stored.version) continue
      await migration.up(trx as unknown as Kysely<unknown>, dialect)
      const { number, name, kind } = migration
      await trx.insertInto('migrations').values({ number, name, kind, applied_at: at }).execute()
      if (kind === 'breaking') minReader = number
      applied.push(number)
    }
    const version = applied.at(-1)
    if (version === undefined) return applied
    await trx
      .updateTable('schema_version')
      .set({ version, min_reader: minReader })
      .where('id', '=', 1)
      .execute()
    if (stored.version > 0 && minReader > stored.min_reader)
      await trx
        .updateTable('leader')
        .set(eb => ({ epoch: eb('epoch', '+', 1), holder: '', renewed_at: 0 }))
        .where('id', '=', 1)
        .execute()
    return applied
  })
}

/** @throws AppError `store.newer` when a schema can no longer be read by a program that knows `own` */
export function refuseNewer(stored: { version: number; min_reader: number }, own: number): void {
  if (stored.min_reader > own)
    throw new AppError('store.newer', {
      context: { schema_version: stored.version, min_reader: stored.min_reader, own_version: own },
    })
}

async function makeBookkeeping(trx: Kysely<Schema>, { types: t }: Dialect): Promise<void> {
  await sql
    .raw(
      `create table if not exists schema_version (id ${t.int} primary key, version ${t.int} not null, min_reader ${t.int} not null) ${t.tableEnd}`,
    )
    .execute(trx)
  await sql
    .raw(
      `create table if not exists migrations (number ${t.int} primary key, name ${t.text} not null, kind ${t.text} not null, applied_at ${t.int} not null) ${t.tableEnd}`,
    )
    .execute(trx)
  await sql
    .raw('insert into schema_version (id, version, min_reader) values (1, 0, 0) on conflict (id) do nothing')
    .execute(trx)
}
