import { chmod, readdir, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineFor } from '../../agent/engines/index.ts'
import type { DumpSession, Engine, InstanceTarget } from '../../agent/engines/port.ts'
import type { AttemptResult } from '../../agent/jobs/result.ts'
import type { Surroundings } from '../../agent/jobs/surroundings.ts'
import { createToolFinder } from '../../agent/process/index.ts'
import type { Manifest } from '../../shared/model/manifest.ts'
import { conducted, verifyIn, verifying } from '../agent/jobs/conducted.ts'
import { backupSpec, folders, makeWorld, verifySpec } from '../agent/jobs/world.ts'
import {
  type MariadbServer,
  requireServers,
  startMariadb,
  type TemporaryFolder,
  temporaryFolder,
} from '../harness/index.ts'
import { readManifestStrictly } from '../harness/manifest-schema.ts'

const servers = await requireServers('MariaDB: proven by restore', 'mariadb', 'pv', 'zstd')
const mariadb = engineFor('mariadb')
const schemas = join(import.meta.dirname, 'engines')

describe.skipIf(servers.missing)('MariaDB: proven by restore', () => {
  let server: MariadbServer
  let root: TemporaryFolder
  let places: Awaited<ReturnType<typeof folders>>
  let target: InstanceTarget
  let toolFolders: readonly string[]

  beforeAll(async () => {
    root = await temporaryFolder('prove')
    // the throw-away server is another user's
    await chmod(root.path, 0o711)
    places = await folders(root.path)
    // names in lower case, as Windows and many who came from there have them
    server = await startMariadb({ settings: { 'lower-case-table-names': '1' } })
    toolFolders = [server.bin, server.sbin]
    const role = await server.createUser(
      'backup',
      'SELECT, SHOW VIEW, TRIGGER, EVENT, SHOW DATABASES, EXECUTE, BINLOG MONITOR ON *.*',
    )
    target = { engine: 'mariadb', host: server.host, port: server.port, ...role }
    await server.createDatabase('small')
    await server.sql(
      `CREATE TABLE t (i int AUTO_INCREMENT PRIMARY KEY, pad char(200));
       INSERT INTO t (pad) SELECT UUID() FROM seq_1_to_3000; CREATE TABLE u AS SELECT * FROM t LIMIT 10`,
      'small',
    )
  })
  afterAll(async () => {
    await server?.stop()
    await root?.remove()
  })

  const world = (engine: Engine = mariadb) =>
    makeWorld(places, {
      engine,
      targetFor: () => target,
      tools: createToolFinder({ folders: toolFolders }),
      verifying: verifyIn(places.state, { user: 'nobody' }),
      codec: 'zstd',
    })
  const backup = async (database: string, at: Surroundings) => {
    const { result } = await conducted(
      backupSpec(places.bucket, { databaseName: database, codec: 'zstd' }),
      at,
    )
    expect(result.failure, JSON.stringify(result.failure)).toBeUndefined()
    return {
      manifest: readManifestStrictly(Buffer.from(result.manifest ?? '', 'base64')),
      key: result.manifest_key ?? '',
    }
  }
  const verify = async ({ manifest, key }: { manifest: Manifest; key: string }, at: Surroundings) => {
    const { result } = await verifying(
      verifySpec(places.bucket, {
        engine: 'mariadb',
        manifestKey: key,
        serverVersion: manifest.engine.server_version,
        rawBytes: Number(manifest.raw_bytes),
      }),
      at,
    )
    // whatever the end, no server and no folder of it is left
    expect(await readdir(join(places.state, 'verify'))).toEqual([])
    return result
  }
  const good = (result: AttemptResult) => {
    expect(result.failure, JSON.stringify(result.failure)).toBeUndefined()
    expect(result.verify).toMatchObject({ verdict: 'verified', differences: [], difference_count: 0 })
  }

  it('the hard schema and its programs, whose definers no other server has', async () => {
    await server.createDatabase('hard')
    await server.createUser("o'wner", 'ALL ON *.*')
    for (const file of ['mariadb-schema.sql', 'mariadb-programs.sql'])
      await server.sql(await readFile(join(schemas, file), 'utf8'), 'hard')
    await server.sql(
      `CREATE DEFINER=\`o'wner\`@\`%\` VIEW owned AS SELECT 1 AS i;
       CREATE DEFINER=\`o'wner\`@\`%\` SQL SECURITY DEFINER VIEW owned_twice AS SELECT * FROM owned;
       INSERT INTO mysql.time_zone VALUES (1, 'N'); INSERT INTO mysql.time_zone_name VALUES ('Europe/Berlin', 1);
       INSERT INTO mysql.time_zone_transition_type VALUES (1, 0, 3600, 0, 'CET'); SET time_zone = 'Europe/Berlin';
       CREATE TABLE Upper (i int); CREATE TRIGGER on_upper BEFORE INSERT ON Upper FOR EACH ROW SET NEW.i = 1;
       CREATE DEFINER=\`o'wner\`@\`%\` EVENT zoned ON SCHEDULE EVERY 1 SECOND DO CREATE TABLE fired (i int)`,
      'hard',
    )
    const at = await world()
    const made = await backup('hard', at)
    expect(made.manifest.census).toBeDefined()
    expect(made.manifest.requirements).toMatchObject({
      server_settings: { lower_case_table_names: '1' },
      time_zones: ['Europe/Berlin'],
    })
    const result = await verify(made, at)
    good(result)
    expect(result.verify?.server_version).toBe(
      /^\d+\.\d+\.\d+/.exec(made.manifest.engine.server_version)?.[0],
    )
    expect(result.verify?.rows).toBeGreaterThan(0)
  })

  it('rows that were lost behind the census: differs, with the table by name', async () => {
    const loses: Engine = {
      ...mariadb,
      openDump: async (...args) => {
        const dump = await mariadb.openDump(...args)
        return {
          ...dump,
          census: async (signal: AbortSignal) => {
            const counted = await dump.census?.(signal)
            if (counted === undefined) throw new Error('no census')
            const doctored = counted.tables.map(table =>
              table.name === 't' ? { ...table, rows: '3001' } : table,
            )
            return { ...counted, tables: doctored }
          },
        } satisfies DumpSession
      },
    }
    const at = await world(loses)
    const result = await verify(await backup('small', at), at)
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'verify.differs' } })
    expect(result.verify?.differences).toEqual(['table t has 3000 rows; it had 3001'])
  })

  it('a stream that was cut off: unrestorable, the throw-away server is gone', async () => {
    const at = await world()
    const made = await backup('small', at)
    const object = made.manifest.streams[0]?.objects[0]
    await truncate(join(places.bucket, object?.key ?? ''), Number(object?.size) - 100)
    const result = await verify(made, at)
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'verify.unrestorable' } })
    expect(result.verify?.verdict).toBe('unrestorable')
  })
})
