import { globSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type MariadbServer,
  type PostgresServer,
  requireServers,
  run,
  startMariadb,
  startPostgres,
  temporaryFolder,
} from '../harness/index.ts'
import { readManifestStrictly } from '../harness/manifest-schema.ts'
import { projectRoot } from '../harness/project-root.ts'
import { fixtureManifests, fixtures } from './fixture.ts'

/** The manifest of an engine and scope in the bucket of version 1. */
function manifestOf(
  engine: string,
  scope: string,
): { readonly url: string; readonly keys: readonly string[] } {
  const [found] = fixtureManifests()
    .filter(([path]) => path.startsWith('bucket-v1/'))
    .map(([path, bytes]) => ({ path, manifest: readManifestStrictly(bytes) }))
    .filter(({ manifest }) => manifest.engine.kind === engine && manifest.scope === scope)
  return {
    url: pathToFileURL(join(fixtures, found?.path ?? '')).href,
    keys: found?.manifest.streams.flatMap(each => each.objects.map(({ key }) => key)) ?? [],
  }
}

async function restore(server: PostgresServer | MariadbServer, engine: string, into: string): Promise<void> {
  await using state = await temporaryFolder('compatibility')
  await run(join(projectRoot, 'bin/holdfast-agent'), [
    ...['restore', '--from', manifestOf(engine, 'database').url, '--into', into],
    ...['--host', server.host, '--port', String(server.port), '--user', server.user],
    ...['--password-file', server.passwordFile, '--tool-folder', server.bin, '--state-dir', state.path],
  ])
}

test('every object of the bucket is named by a manifest, and none is missing', () => {
  const lying = globSync('v1/data/**/*', { cwd: join(fixtures, 'bucket-v1') }).filter(key =>
    /\.zst$/.test(key),
  )
  const named = ['postgres cluster', 'postgres database', 'mariadb database'].flatMap(each => {
    const [engine = '', scope = ''] = each.split(' ')
    return manifestOf(engine, scope).keys
  })
  expect(named.toSorted()).toEqual(lying.toSorted())
})

const postgres = await requireServers('restore of an earlier backup of PostgreSQL', 'postgres', 'pv', 'zstd')
describe.skipIf(postgres.missing)('a backup of PostgreSQL that an earlier commit made', () => {
  let pg: PostgresServer
  beforeAll(async () => {
    pg = await startPostgres()
  })
  afterAll(() => pg?.stop())

  test('restores, globals by hand first, with all that was in it', { timeout: 90_000 }, async () => {
    const [globals = ''] = manifestOf('postgres', 'cluster').keys
    const sql = await run('zstd', ['-dc', join(fixtures, 'bucket-v1', globals)])
    // the server has its own superuser; that line alone may fail
    await pg.psql(sql.stdout.replace(/^CREATE ROLE postgres;$/m, ''))
    await restore(pg, 'postgres', 'back')
    expect(await pg.psql('select count(*), min(name), max(tags->>$$n$$) from customer', 'back')).toBe(
      '20|Kundin 1 🎻|9',
    )
    expect(
      await pg.psql(`select count(*), sum(length(paper)) from invoice where state = 'päid'`, 'back'),
    ).toBe('20|320')
    expect(await pg.psql(`select lo_get(oid) from pg_largeobject_metadata`, 'back')).toBe('\\x00ff10')
    expect(await pg.psql(`select tableowner from pg_tables where tablename = 'customer'`, 'back')).toBe('app')
    expect(await pg.psql('show search_path', 'back')).toBe('public, pg_catalog')
    expect(
      await pg.psql(
        `select pg_has_role('reader', 'pg_read_all_data', 'usage'), shobj_description(oid, 'pg_database')
         from pg_database where datname = 'back'`,
      ),
    ).toBe('t|what is owed')
  })
})

const mariadb = await requireServers('restore of an earlier backup of MariaDB', 'mariadb', 'pv', 'zstd')
describe.skipIf(mariadb.missing)('a backup of MariaDB that an earlier commit made', () => {
  let maria: MariadbServer
  beforeAll(async () => {
    maria = await startMariadb()
  })
  afterAll(() => maria?.stop())

  test('restores with all that was in it', { timeout: 90_000 }, async () => {
    await restore(maria, 'mariadb', 'back')
    expect(await maria.sql('select place, hex(label) from bin order by id', 'back')).toBe(
      'Gang ß/1\t00FF27225C0A\n🎻\tNULL',
    )
    expect(await maria.sql('select count(*) from places', 'back')).toBe('2')
    expect(
      await maria.sql("insert into bin (place) values (' x '); select place from bin where id = 3", 'back'),
    ).toBe('x')
    expect(Number(await maria.sql('select next value for tickets', 'back'))).toBeGreaterThan(100)
  })
})
