import { afterAll, beforeAll, describe } from 'vitest'
import { openStore, type Store } from '../../coordinator/store/index.ts'
import { systemClock } from '../../shared/clock/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import { type PostgresServer, requireServers, startPostgres } from '../harness/index.ts'
import { storeConformance } from './store.ts'
import type { StoreUnderTest } from './store-under-test.ts'

const servers = await requireServers('the store on PostgreSQL', 'postgres')

describe.skipIf(servers.missing)('the store on PostgreSQL', () => {
  let server: PostgresServer
  let databases = 0
  beforeAll(async () => {
    server = await startPostgres()
    await server.createDatabase('store_template')
    const template = await openStore({
      url: server.url('store_template'),
      clock: systemClock,
      log: silentLog,
    })
    await template.close()
  })
  afterAll(() => server.stop())

  async function makePostgres(): Promise<StoreUnderTest> {
    const name = `store_${++databases}`
    // With the schema already in it: making that for each test would take most of the time
    await server.psql(`create database ${name} template store_template`)
    const opened: Store[] = []
    return {
      open: async ({ lead = true, ...options } = {}) => {
        const store = await openStore({
          url: `postgres://postgres@${server.host}:${server.port}/${name}`,
          passwordFile: server.passwordFile,
          clock: systemClock,
          log: silentLog,
          ...options,
        })
        opened.push(store)
        if (lead) await store.leadership.tryAcquire('test', 15_000)
        return store
      },
      tamper: async sql => {
        await server.psql(sql, name)
      },
      [Symbol.asyncDispose]: async () => {
        for (const store of opened) await store.close()
      },
    }
  }

  storeConformance(makePostgres)
})
