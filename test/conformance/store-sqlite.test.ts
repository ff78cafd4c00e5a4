import { DatabaseSync } from 'node:sqlite'
import { describe } from 'vitest'
import { openStore, type Store } from '../../coordinator/store/index.ts'
import { systemClock } from '../../shared/clock/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import { temporaryFolder } from '../harness/index.ts'
import { storeConformance } from './store.ts'
import type { StoreUnderTest } from './store-under-test.ts'

async function makeSqlite(): Promise<StoreUnderTest> {
  const folder = await temporaryFolder('store')
  const path = `${folder.path}/holdfast.db`
  const opened: Store[] = []
  return {
    open: async ({ lead = true, ...options } = {}) => {
      const store = await openStore({ url: `sqlite:${path}`, clock: systemClock, log: silentLog, ...options })
      opened.push(store)
      if (lead) await store.leadership.tryAcquire('test', 15_000)
      return store
    },
    tamper: async sql => {
      using db = new DatabaseSync(path, { timeout: 5_000 })
      db.exec(sql)
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of opened) await store.close()
      await folder.remove()
    },
  }
}

describe('the store on SQLite', () => storeConformance(makeSqlite))
