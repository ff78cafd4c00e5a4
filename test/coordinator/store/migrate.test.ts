import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { verifyChain } from '../../../coordinator/audit/index.ts'
import { openStore } from '../../../coordinator/store/index.ts'
import { migrate } from '../../../coordinator/store/migrate.ts'
import { type Migration, migrations } from '../../../coordinator/store/migrations/index.ts'
import { openSqlite } from '../../../coordinator/store/sqlite/open-sqlite.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { temporaryFolder } from '../../harness/index.ts'
import { written } from './fixtures/written.ts'
import { freshStore } from './fresh-store.ts'

const adds = (number: number, kind: Migration['kind']): Migration => ({
  number,
  name: `adds-${number}`,
  kind,
  up: async db => {
    await sql.raw(`create table added_${number} (a integer)`).execute(db)
  },
})

async function withBackend<T>(
  path: string,
  work: (run: (list: readonly Migration[]) => Promise<readonly number[]>) => Promise<T>,
) {
  const backend = openSqlite(path, silentLog)
  try {
    return await work(list => migrate(backend.db, backend.dialect, 1, list))
  } finally {
    await backend.close()
  }
}

test('migrations are numbered from 1 without gaps', () => {
  expect(migrations.map(each => each.number)).toEqual(migrations.map((_, i) => i + 1))
})

test('each is applied once, in order', async () => {
  await using folder = await temporaryFolder('migrate')
  await withBackend(join(folder.path, 'x.db'), async run => {
    expect(await run(migrations)).toEqual(migrations.map(each => each.number))
    expect(await run(migrations)).toEqual([])
    const next = migrations.length + 1
    expect(await run([...migrations, adds(next, 'compatible')])).toEqual([next])
  })
})

test('a schema that is newer but compatible is opened and written; a breaking one is refused as store.newer', async () => {
  await using fresh = await freshStore()
  await fresh.store.close()
  const next = migrations.length + 1
  await withBackend(fresh.path, run => run([...migrations, adds(next, 'compatible')]))
  const open = () => openStore({ url: fresh.url, clock: systemClock, log: silentLog })
  const store = await open()
  expect(await store.leadership.tryAcquire('me', 1)).toBe(2)
  await store.write('x', tx => tx.counters.add('a', 1))
  await store.close()
  await withBackend(fresh.path, run =>
    run([...migrations, adds(next, 'compatible'), adds(next + 1, 'breaking'), adds(next + 2, 'compatible')]),
  )
  await expect(open()).rejects.toMatchObject({
    code: 'store.newer',
    context: { schema_version: next + 2, min_reader: next + 1, own_version: migrations.length },
  })
})

test('a breaking migration deposes the leader that runs older code, and it cannot lead again', async () => {
  await using fresh = await freshStore()
  // What another process does beside us
  const db = new DatabaseSync(fresh.path, { timeout: 5_000 })
  db.exec(
    `update schema_version set version = 99, min_reader = 99; update leader set epoch = epoch + 1, holder = ''`,
  )
  db.close()
  await expect(fresh.store.write('x', async () => 1)).rejects.toMatchObject({ code: 'leader.deposed' })
  await expect(fresh.store.leadership.tryAcquire('me', 1)).rejects.toMatchObject({ code: 'store.newer' })
})

test('a migration that fails leaves the schema as it was', async () => {
  await using folder = await temporaryFolder('migrate')
  await withBackend(join(folder.path, 'x.db'), async run => {
    await run(migrations)
    const next = migrations.length + 1
    const fails: Migration = {
      ...adds(next + 1, 'breaking'),
      up: async () => {
        throw new Error('as told')
      },
    }
    await expect(run([...migrations, adds(next, 'compatible'), fails])).rejects.toThrow('as told')
    expect(await run([...migrations, adds(next, 'compatible')])).toEqual([next])
  })
})

test('reads a database file that the first migration of an earlier commit wrote', async () => {
  await using folder = await temporaryFolder('fixture')
  const path = join(folder.path, 'holdfast.db')
  await copyFile(join(import.meta.dirname, 'fixtures/store-v1.db'), path)
  const store = await openStore({ url: `sqlite:${path}`, clock: systemClock, log: silentLog })
  try {
    expect(store.incarnation).toBe('inc_01a20000-0000-7000-8000-000000000001')
    expect(store.fleetId).toBe('flt_01a20000-0000-7000-8000-000000000001')
    expect(await store.read.job(written.job.id)).toEqual(written.job)
    expect(await store.read.attempts(written.job.id)).toEqual([written.attempt])
    expect(await store.read.decisions(written.job.id)).toEqual([written.decision])
    expect((await store.read.agents({ size: 10 })).items).toEqual([written.agent])
    expect((await store.read.clusters({ size: 10 })).items).toEqual([written.cluster])
    expect((await store.read.instances({ size: 10 }, { gone: false })).items).toEqual([written.instance])
    expect((await store.read.databases({ size: 10 }, { protection: 'breached' })).items).toEqual([
      { database: written.database, state: written.state },
    ])
    expect(await store.read.backup(written.backup.id)).toEqual(written.backup)
    expect(await store.read.debris()).toEqual([written.debris])
    expect(await store.read.openAlerts()).toEqual([written.alert])
    expect(await store.read.outboxOf(written.alert.id)).toEqual([
      { ...written.message, id: 1, attempts: 0, state: 'pending' },
    ])
    expect(await verifyChain(store.read)).toEqual({
      intact: true,
      checked: 2,
      headSeq: 2,
      headHash: written.auditHead,
    })
    expect(await store.read.counters()).toEqual(new Map([['jobs.created.backup', 1]]))
    expect(await store.read.aggregates(0)).toMatchObject({
      databases: 1,
      backups: 1,
      protection: { breached: 1 },
    })
    expect(await store.leadership.tryAcquire('now', 1)).toBe(2)
    const seen = await store.write('x', async tx => [
      await tx.requests.get('request-1'),
      await tx.results.get('result-1'),
    ])
    expect(seen).toEqual(['{"ok":true}', 'recorded'])
  } finally {
    await store.close()
  }
})
