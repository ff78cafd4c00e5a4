import { join } from 'node:path'
import { openStore, type Store, type StoreOptions } from '../../../coordinator/store/index.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { temporaryFolder } from '../../harness/temporary-folder.ts'

/** A store of a test that leads already; disposed with its folder. */
export interface FreshStore extends AsyncDisposable {
  readonly store: Store
  readonly url: string
  readonly path: string
}

/** Opens an empty SQLite store in a temporary folder and leads it. */
export async function freshStore(options: Partial<StoreOptions> = {}): Promise<FreshStore> {
  const folder = await temporaryFolder('store')
  const path = join(folder.path, 'holdfast.db')
  const url = `sqlite:${path}`
  const store = await openStore({ url, clock: systemClock, log: silentLog, ...options })
  await store.leadership.tryAcquire('test', 15_000)
  return {
    store,
    url,
    path,
    [Symbol.asyncDispose]: async () => {
      await store.close()
      await folder.remove()
    },
  }
}
