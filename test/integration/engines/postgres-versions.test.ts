import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineFor } from '../../../agent/engines/index.ts'
import type { InstanceTarget } from '../../../agent/engines/port.ts'
import {
  type PostgresServer,
  requireServers,
  startPostgres,
  type TemporaryFolder,
  temporaryFolder,
} from '../../harness/index.ts'
import { attemptId, contextIn, dumpTo, restoreFrom } from './round-trip.ts'

const servers = await requireServers('the PostgreSQL engine across versions', 'postgres', 'postgres18')
const postgres = engineFor('postgres')

describe.skipIf(servers.missing)('the PostgreSQL engine across versions', () => {
  let older: PostgresServer
  let newer: PostgresServer
  let folder: TemporaryFolder

  beforeAll(async () => {
    folder = await temporaryFolder('engine-versions')
    older = await startPostgres()
    newer = await startPostgres({ version: 18 })
  })
  afterAll(async () => {
    await older?.stop()
    await newer?.stop()
    await folder?.remove()
  })

  const targetOf = (server: PostgresServer): InstanceTarget => ({
    engine: 'postgres',
    host: server.host,
    port: server.port,
    user: server.user,
    passwordFile: server.passwordFile,
  })
  const contextOf = (server: PostgresServer) => contextIn(folder.path, { bin: server.bin })

  it('refuses to dump a newer server with an older client', async () => {
    const old = await contextIn(folder.path, {
      tools: {
        find: async names => ({
          name: names[0] ?? '',
          path: `${older.bin}/${names[0]}`,
          version: `${names[0]} (PostgreSQL) ${older.version}.1`,
        }),
      },
    })
    await expect(
      postgres.openDump(targetOf(newer), { scope: 'database', name: 'postgres' }, old),
    ).rejects.toMatchObject({ code: 'tool.too-old', context: { needed: 18 } })
  })

  it('carries a database of a new server, its built-in locale included, and refuses it on an older one', async () => {
    await newer.psql(
      `CREATE DATABASE modern TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' ENCODING 'UTF8'`,
    )
    await newer.psql('CREATE TABLE t AS SELECT generate_series(1, 10) AS i', 'modern')
    const { source, fileOf } = await dumpTo(
      folder.path,
      postgres,
      targetOf(newer),
      'modern',
      await contextOf(newer),
    )
    expect(source.settings).toMatchObject({ locale_provider: 'builtin', builtin_locale: 'C.UTF-8' })
    await expect(
      postgres.openRestore(targetOf(older), source, 'modern', attemptId(), await contextOf(newer)),
    ).rejects.toMatchObject({ code: 'restore.requirement-missing', message: expect.stringContaining('18') })
    await restoreFrom(postgres, targetOf(newer), source, fileOf, 'modern copy', await contextOf(newer))
    expect(await newer.psql('SELECT count(*) FROM t', 'modern copy')).toBe('10')
    expect(await newer.psql(`SELECT datlocale FROM pg_database WHERE datname = 'modern copy'`)).toBe(
      'C.UTF-8',
    )
  })

  it('restores a database of an older server into a newer one', async () => {
    await older.createDatabase('ageing')
    await older.psql('CREATE TABLE t AS SELECT generate_series(1, 10) AS i', 'ageing')
    const { source, fileOf } = await dumpTo(
      folder.path,
      postgres,
      targetOf(older),
      'ageing',
      await contextOf(older),
    )
    await restoreFrom(postgres, targetOf(newer), source, fileOf, 'aged', await contextOf(newer))
    expect(await newer.psql('SELECT count(*) FROM t', 'aged')).toBe('10')
  })
})
