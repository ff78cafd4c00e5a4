import { join } from 'node:path'

import { run } from '../../test/harness/run.ts'
import { sqlFile } from './asset.ts'

/** A PostgreSQL server and a superuser on it; a `PostgresServer` of the harness is one. `bin` has psql. */
export interface PostgresAccess {
  readonly bin: string
  readonly host: string
  readonly port: number
  readonly user: string
  /** Password file in libpq's form. */
  readonly pgpassFile: string
}

/** Fills an empty database with the shop: 240 MB of rows and large objects at scale 1, in about ten seconds. */
export async function fillPostgres(server: PostgresAccess, database: string, scale = 1): Promise<void> {
  const args = ['-X', '-q', '-v', `scale=${scale}`, '-f', sqlFile('postgres.sql')]
  await run(join(server.bin, 'psql'), args, { env: postgresEnvironment(server, database) })
}

/** Environment of libpq's programs for this server and database. The name goes by environment: as an argument it could be parsed as a connection string. */
export function postgresEnvironment(server: PostgresAccess, database: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PGHOST: server.host,
    PGPORT: String(server.port),
    PGUSER: server.user,
    PGPASSFILE: server.pgpassFile,
    PGDATABASE: database,
  }
}
