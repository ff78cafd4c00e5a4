import {
  type ConsulServer,
  type MariadbServer,
  type PostgresServer,
  provision,
  provisionTool,
  type S3Server,
  type ServiceName,
  startConsul,
  startMariadb,
  startPostgres,
  startS3,
} from '../test/harness/index.ts'
import { fillMariadb } from './data/mariadb.ts'
import { fillPostgres } from './data/postgres.ts'
import type { Narrator } from './narrator.ts'

/** The databases of the demo, by the server they are on. */
export const postgresDatabases = ['shop', 'Kartei "Süd"'] as const
export const mariadbDatabases = ['library'] as const

/** The servers Holdfast finds; what cannot be had on this machine is undefined. */
export interface Servers {
  readonly postgres: PostgresServer
  readonly mariadb: MariadbServer | undefined
  readonly consul: ConsulServer | undefined
  readonly s3: { readonly server: S3Server; readonly bucket: string } | undefined
  stop(): Promise<void>
}

/** Finds or fetches everything, and says of each where it comes from. Throws when PostgreSQL or a tool of every agent cannot be had. */
export async function provisionAll(narrator: Narrator): Promise<ReadonlySet<ServiceName>> {
  const wanted: readonly ServiceName[] = ['zstd', 'pv', 'postgres', 'mariadb', 'consul', 's3']
  const instead: Partial<Record<ServiceName, string>> = {
    mariadb: 'going on with PostgreSQL alone',
    consul: 'a static file takes its place',
    s3: 'a folder takes its place',
  }
  const had = new Set<ServiceName>()
  await Promise.all(
    wanted.map(async name => {
      const found = await (name === 'zstd' || name === 'pv' ? provisionTool(name) : provision(name))
      if (found.available) had.add(name)
      else if (instead[name] === undefined) throw new Error(`the demo needs ${name}: ${found.reason}`)
      narrator.fact(
        found.available
          ? `${name}: ${found.origin === 'host' ? 'of this host' : 'fetched'} (${found.bin})`
          : `${name} cannot be had: ${found.reason}; ${instead[name]}`,
      )
    }),
  )
  return had
}

/** Starts the servers and fills them, all at the same time. */
export async function startServers(
  had: ReadonlySet<ServiceName>,
  scale: number,
  narrator: Narrator,
): Promise<Servers> {
  const [postgres, mariadb, consul, s3] = await Promise.all([
    postgresWithData(scale, narrator),
    had.has('mariadb') ? mariadbWithData(scale, narrator) : undefined,
    had.has('consul') ? startConsul() : undefined,
    had.has('s3') ? storeOrNothing(narrator) : undefined,
  ])
  await Promise.all([
    consul?.register({ name: 'shop-db', port: postgres.port, meta: { engine: 'postgres' } }),
    mariadb && consul?.register({ name: 'library-db', port: mariadb.port, meta: { engine: 'mariadb' } }),
  ])
  if (consul !== undefined) narrator.fact(`Consul at ${consul.url} knows the database servers`)
  return {
    postgres,
    mariadb,
    consul,
    s3,
    stop: async () => {
      await Promise.all([postgres.stop(), mariadb?.stop(), consul?.stop(), s3?.server.stop()])
    },
  }
}

async function postgresWithData(scale: number, narrator: Narrator): Promise<PostgresServer> {
  const server = await startPostgres()
  const [shop, cards] = postgresDatabases
  for (const name of postgresDatabases) await server.createDatabase(name)
  // one after the other: both make the same role
  await fillPostgres(server, cards, scale / 50)
  await fillPostgres(server, shop, scale)
  const size = await server.psql(
    `SELECT pg_size_pretty(sum(pg_database_size(datname))) FROM pg_database WHERE NOT datistemplate`,
  )
  narrator.fact(`PostgreSQL ${server.version} on port ${server.port} holds ${size}`)
  return server
}

async function mariadbWithData(scale: number, narrator: Narrator): Promise<MariadbServer> {
  const server = await startMariadb()
  for (const name of mariadbDatabases) {
    await server.createDatabase(name)
    await fillMariadb(server, name, scale)
  }
  const [size, version] = [
    await server.sql(
      'SELECT CONCAT(ROUND(SUM(data_length + index_length) / 1048576), " MB") FROM information_schema.tables WHERE table_schema = "library"',
    ),
    await server.sql('SELECT VERSION()'),
  ]
  narrator.fact(`MariaDB ${version} on port ${server.port} holds ${size}`)
  return server
}

// Ceph comes from a Debian suite that changes daily: that it was fetched does not mean that it runs
async function storeOrNothing(narrator: Narrator): Promise<Servers['s3']> {
  try {
    const server = await startS3({ dedicated: true })
    const bucket = await server.createBucket('backups')
    narrator.fact(`S3 (Ceph) at ${server.endpoint} has the bucket ${bucket}`)
    return { server, bucket }
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error)
    narrator.fact(`the S3 server does not start: ${reason}; a folder takes its place`)
    return undefined
  }
}
