import { join } from 'node:path'
import { startPostgres } from '../../test/harness/postgres.ts'

export const storeKinds = ['sqlite', 'postgres'] as const
export type StoreKind = (typeof storeKinds)[number]

/** An empty store, as the coordinator's configuration names it. */
export interface BenchStore extends AsyncDisposable {
  readonly config: Readonly<Record<string, string>>
}

/** SQLite below a folder, or a PostgreSQL server of its own on loopback that writes as durably as one in earnest. */
export async function startStore(kind: StoreKind, folder: string): Promise<BenchStore> {
  if (kind === 'sqlite')
    return { config: { url: `sqlite:${join(folder, 'holdfast.db')}` }, [Symbol.asyncDispose]: async () => {} }
  const server = await startPostgres({ settings: { fsync: 'on', full_page_writes: 'on' } })
  return {
    config: {
      url: `postgres://${server.user}@${server.host}:${server.port}/postgres`,
      password_file: server.passwordFile,
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}
