import { join } from 'node:path'
import { type PostgresServer, run } from '../../../test/harness/index.ts'

/** What a database is filled with: `mixed` is a business, `bulk` is quickly made and long to dump. */
export type Filling = 'mixed' | 'bulk'

/** Creates a database of some `mib` MiB of raw dump. */
export async function fill(
  server: PostgresServer,
  database: string,
  filling: Filling,
  mib: number,
): Promise<void> {
  await server.createDatabase(database)
  const args = ['-X', '-q', '-v', `mib=${mib}`, '-f', join(import.meta.dirname, `${filling}.sql`)]
  await run(join(server.bin, 'psql'), args, { env: postgresEnvironment(server, database) })
  await server.psql('CHECKPOINT')
}

/** Environment of libpq's programs for a database of the server. */
export function postgresEnvironment(server: PostgresServer, database: string): NodeJS.ProcessEnv {
  return {
    PGHOST: server.host,
    PGPORT: String(server.port),
    PGUSER: server.user,
    PGPASSFILE: server.pgpassFile,
    PGDATABASE: database,
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  }
}
