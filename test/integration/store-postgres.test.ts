import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyChain } from '../../coordinator/audit/index.ts'
import { openStore, type Store, type StoreOptions } from '../../coordinator/store/index.ts'
import { guardedPool } from '../../coordinator/store/postgres/guarded-pool.ts'
import { systemClock } from '../../shared/clock/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import { cluster, entry } from '../conformance/store-records.ts'
import {
  type PostgresServer,
  requireServers,
  startFaultProxy,
  startPostgres,
  startProcess,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'

const servers = await requireServers('several coordinators on PostgreSQL', 'postgres')

describe.skipIf(servers.missing)('several coordinators on PostgreSQL', () => {
  let server: PostgresServer
  let count = 0
  const opened: Store[] = []

  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(async () => {
    for (const store of opened) await store.close().catch(() => undefined)
    await server.stop()
  })

  async function emptyDatabase(): Promise<string> {
    const name = `several_${++count}`
    await server.createDatabase(name)
    return server.url(name)
  }

  async function open(url: string, options: Partial<StoreOptions> = {}): Promise<Store> {
    const store = await openStore({ url, clock: systemClock, log: silentLog, ...options })
    opened.push(store)
    return store
  }

  const names = async (store: Store) =>
    (await store.read.clusters({ size: 100 })).items.map(item => item.name)

  test('open an empty database at once: one makes the schema, all share one identity', async () => {
    const url = await emptyDatabase()
    const stores = await Promise.all([open(url), open(url), open(url), open(url)])
    expect(new Set(stores.map(store => `${store.incarnation} ${store.fleetId}`)).size).toBe(1)
  })

  test('one leads: another stands by while it renews, leads when it has released or grown stale', async () => {
    const url = await emptyDatabase()
    const [a, b] = await Promise.all([open(url), open(url)])
    expect(await a.leadership.tryAcquire('a', 60_000)).toBe(1)
    expect(await b.leadership.tryAcquire('b', 60_000)).toBeUndefined()
    await expect(b.write('x', async () => 1)).rejects.toMatchObject({ code: 'leader.none' })
    await a.leadership.release()
    expect(await b.leadership.tryAcquire('b', 60_000)).toBe(2)
    // By the server's clock: nobody renews b's
    await waitUntil(() => a.leadership.tryAcquire('a', 30), { what: "b's term to grow stale" })
    expect(a.leadership.term).toBe(3)
    await a.write('x', tx => tx.clusters.put(cluster({ name: 'of a' })))
    await expect(b.write('x', tx => tx.clusters.put(cluster({ name: 'of b' })))).rejects.toMatchObject({
      code: 'leader.deposed',
    })
    expect(await b.leadership.renew()).toBe(false)
    expect(await names(a)).toEqual(['of a'])
  })

  test('a takeover waits for the transaction under way, and that one is kept whole', async () => {
    const url = await emptyDatabase()
    const [a, b] = await Promise.all([open(url), open(url)])
    await a.leadership.tryAcquire('a', 60_000)
    let takeover: Promise<number | undefined> | undefined
    await a.write('x', async tx => {
      await tx.clusters.put(cluster({ name: 'under way' }))
      takeover = b.leadership.tryAcquire('b', -60_000)
      // Seen from a third side: the takeover waits for the row that this transaction holds
      await waitUntil(
        async () =>
          (await server.psql(
            `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like 'update "leader"%'`,
          )) === '1',
        { what: 'the takeover to wait' },
      )
    })
    expect(await takeover).toBe(2)
    expect(await names(b)).toEqual(['under way'])
    await expect(a.write('x', async () => 1)).rejects.toMatchObject({ code: 'leader.deposed' })
  })

  test.each(['between', 'inside'])(
    'a leader stopped %s transactions, taken over and woken: its write is refused and it lives',
    async where => {
      const url = await emptyDatabase()
      await using folder = await temporaryFolder('leader')
      const logFile = join(folder.path, 'leader.log')
      const child = await startProcess(
        process.execPath,
        [join(import.meta.dirname, 'store-postgres-leader.ts'), where],
        { name: 'leader', logFile, env: { ...process.env, STORE_URL: url } },
      )
      const store = await open(url)
      try {
        await waitUntil(
          async () =>
            /^State:\s+T/m.test(await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')),
          { what: 'the leader to stop itself' },
        )
        // Inside a transaction the row is held until the server ends the idle session, after 3 s
        const term = await waitUntil(
          () => store.leadership.tryAcquire('successor', 30).catch(() => undefined),
          { what: 'the takeover', timeout: 20_000 },
        )
        expect(term).toBe(2)
        await store.write('x', async tx => {
          await tx.clusters.put(cluster({ name: 'successor' }))
          await tx.audit.append(entry())
        })
      } finally {
        child.signal('SIGCONT')
      }
      expect(await child.exited).toMatchObject({ code: 0 })
      const said = (await readFile(logFile, 'utf8'))
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as object)
      const refusal = where === 'between' ? 'leader.deposed' : 'store.unavailable'
      expect(said).toEqual([
        { term: 1 },
        { effect: 'before' },
        { write: 'before', outcome: 'committed' },
        { write: 'stopped', outcome: refusal },
        { write: 'after', outcome: 'leader.deposed' },
        { term: null, renewed: false },
        { end: 'well' },
      ])
      expect(await names(store)).toEqual(['before', 'successor'])
      expect(await verifyChain(store.read)).toMatchObject({ intact: true, checked: 2 })
    },
  )

  test('a session that the server ends inside a transaction fails that batch alone', async () => {
    const store = await open(await emptyDatabase())
    await store.leadership.tryAcquire('a', 60_000)
    const cut = store.write('cut', async tx => {
      await tx.clusters.put(cluster({ name: 'cut' }))
      await server.psql(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast-writer' and state like 'idle in transaction%'`,
      )
      await tx.counters.add('x', 1)
      await tx.clusters.put(cluster({ name: 'cut too' }))
    })
    await expect(cut).rejects.toMatchObject({ code: 'store.unavailable' })
    await store.write('next', tx => tx.clusters.put(cluster({ name: 'next' })))
    expect(await names(store)).toEqual(['next'])
  })

  test('a server that is killed and started again: refused meanwhile, nothing half written, then it goes on', async () => {
    await using own = await startPostgres({ settings: { fsync: 'on', synchronous_commit: 'on' } })
    const store = await open(own.url())
    await store.leadership.tryAcquire('a', 60_000)
    await store.write('x', tx => tx.clusters.put(cluster({ name: 'before' })))
    await own.kill('SIGKILL')
    await expect(store.write('x', tx => tx.clusters.put(cluster()))).rejects.toMatchObject({
      code: 'store.unavailable',
    })
    await expect(store.read.clusters({ size: 1 })).rejects.toMatchObject({ code: 'store.unavailable' })
    await expect(store.leadership.renew()).rejects.toMatchObject({ code: 'store.unavailable' })
    await own.restart()
    await waitUntil(() => store.leadership.renew().catch(() => false), { what: 'the store to answer again' })
    await store.write('x', tx => tx.clusters.put(cluster({ name: 'later' })))
    expect(await names(store)).toEqual(['before', 'later'])
    await store.close()
  })

  test('a network that swallows everything ends in store.unavailable, and heals', {
    timeout: 60_000,
  }, async () => {
    const url = new URL(await emptyDatabase())
    await using proxy = await startFaultProxy({ host: server.host, port: server.port })
    url.port = String(proxy.port)
    const store = await open(url.href)
    await store.leadership.tryAcquire('a', 60_000)
    await store.write('x', tx => tx.clusters.put(cluster({ name: 'before' })))
    proxy.set({ blackHole: true })
    await expect(store.write('x', tx => tx.clusters.put(cluster({ name: 'lost' })))).rejects.toMatchObject({
      code: 'store.unavailable',
    })
    proxy.set({})
    await waitUntil(() => store.write('x', async () => true).catch(() => false), {
      what: 'the store to answer again',
      timeout: 20_000,
    })
    expect(await names(store)).toEqual(['before'])
    await store.close()
  })

  test('an answered commit is on disk, even where the database would put that off', async () => {
    const url = await emptyDatabase()
    await server.psql(`alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`)
    const setting = 'show synchronous_commit'
    expect(await server.psql(setting, new URL(url).pathname.slice(1))).toBe('off')
    const pool = guardedPool(new pg.Pool({ connectionString: url }), silentLog)
    const client = await pool.connect()
    expect((await client.query(setting, [])).rows).toEqual([{ synchronous_commit: 'on' }])
    client.release()
    await pool.end()
  })

  test('a password comes from its file, and neither it nor a wrong one is told', async () => {
    await using folder = await temporaryFolder('password')
    const url = `postgres://postgres@${server.host}:${server.port}/postgres`
    const refused = await openStore({
      url: url.replace('postgres@', 'postgres:hunter2@'),
      clock: systemClock,
      log: silentLog,
    }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(refused).toMatchObject({ code: 'store.unavailable' })
    expect(JSON.stringify((refused as { toFailure(): object }).toFailure())).not.toContain('hunter2')
    const passwordFile = join(folder.path, 'password')
    await expect(open(url, { passwordFile })).rejects.toMatchObject({ code: 'secret.unreadable' })
    const store = await open(url, { passwordFile: server.passwordFile })
    await store.close()
  })
})
