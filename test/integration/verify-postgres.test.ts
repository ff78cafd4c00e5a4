import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noEncryption } from '../../agent/encryption/index.ts'
import type { DumpSession, Engine, InstanceTarget } from '../../agent/engines/port.ts'
import { postgres } from '../../agent/engines/postgres/engine.ts'
import type { AttemptResult } from '../../agent/jobs/result.ts'
import type { Surroundings } from '../../agent/jobs/surroundings.ts'
import { createToolFinder } from '../../agent/process/index.ts'
import { run } from '../../agent/standalone/program.ts'
import type { Manifest } from '../../shared/model/manifest.ts'
import type { BackupSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { identityFile } from '../agent/encryption/identities.ts'
import { conducted, verifyIn, verifying } from '../agent/jobs/conducted.ts'
import { backupSpec, folders, makeWorld, verifySpec } from '../agent/jobs/world.ts'
import {
  type PostgresServer,
  requireServers,
  startPostgres,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'
import { readManifestStrictly } from '../harness/manifest-schema.ts'
import { nobody } from '../harness/owned-process.ts'
import { contextIn } from './engines/round-trip.ts'

const schemas = join(import.meta.dirname, 'engines')
/** Small enough that the tables of a test are streams of their own. */
const byStreams: Partial<BackupSpec> = { streams: 3, streamsFrom: 256 * 1024 }

for (const [label, wanted] of [
  ['PostgreSQL of the host', 'postgres'],
  ['PostgreSQL 18', 'postgres18'],
] as const) {
  const servers = await requireServers(`${label}: proven by restore`, wanted, 'pv', 'zstd', 'age')

  describe.skipIf(servers.missing)(`${label}: proven by restore`, () => {
    let server: PostgresServer
    let root: TemporaryFolder
    let places: Awaited<ReturnType<typeof folders>>
    let target: InstanceTarget

    beforeAll(async () => {
      root = await temporaryFolder('prove')
      // the throw-away server is another user's
      await chmod(root.path, 0o711)
      places = await folders(root.path)
      server = await startPostgres({
        ...(wanted === 'postgres18' ? { version: 18 } : {}),
        settings: {
          wal_level: 'logical',
          max_locks_per_transaction: '10',
          max_wal_senders: '2',
          max_worker_processes: '2',
        },
      })
      target = {
        engine: 'postgres',
        ...{ host: server.host, port: server.port, user: server.user, passwordFile: server.passwordFile },
      }
      await server.createDatabase('hard')
      for (const file of ['postgres-schema.sql', 'postgres-hard-schema.sql'])
        await server.psql(await readFile(join(schemas, file), 'utf8'), 'hard')
      await server.psql(
        `CREATE SEQUENCE hard.down INCREMENT -3; SELECT nextval('hard.down'), nextval('hard.down');
         CREATE SEQUENCE hard.round MAXVALUE 3 CYCLE; SELECT nextval('hard.round');
         CREATE SEQUENCE hard.unused; CREATE TYPE hard.span AS RANGE (subtype = int4)`,
        'hard',
      )
    })
    beforeAll(async () => {
      await server.createDatabase('small')
      await server.psql(
        `CREATE TABLE self AS SELECT i, repeat('x', 500) AS x FROM generate_series(1, 800) i;
         CREATE TABLE other AS SELECT * FROM self`,
        'small',
      )
    })
    afterAll(async () => {
      await server?.stop()
      await root?.remove()
    })

    const world = (engine: Engine = postgres, over: Partial<Surroundings> = {}) =>
      makeWorld(places, {
        engine,
        targetFor: () => target,
        tools: createToolFinder({ folders: [server.bin] }),
        verifying: verifyIn(places.state, { user: 'nobody' }),
        codec: 'zstd',
        ...over,
      })
    const backup = async (database: string, spec: Partial<BackupSpec>, at: Surroundings) => {
      const { result } = await conducted(
        backupSpec(places.bucket, { databaseName: database, codec: 'zstd', ...spec }),
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

    const [how, spec]: [string, Partial<BackupSpec>] =
      wanted === 'postgres18' ? ['several streams', byStreams] : ['one archive', {}]
    it(`the hard schema as ${how}, with writers at work`, async () => {
      const at = await world()
      const stop = new AbortController()
      const writing = (async () => {
        while (!stop.signal.aborted)
          await server.psql(
            `INSERT INTO hard.big (t, c, n) SELECT 'w', gen_random_uuid()::text, 1 FROM generate_series(1, 20);
             DELETE FROM hard.abc WHERE id = (SELECT max(id) FROM hard.abc); SELECT nextval('hard.down');
             UPDATE hard.part SET kind = 'z' WHERE k % 7 = 0 AND k >= 1000; INSERT INTO hard.part VALUES (1, 'x', 'w')`,
            'hard',
          )
      })()
      const made = await backup('hard', spec, at).finally(() => stop.abort())
      await writing
      expect(made.manifest.warnings).toBeUndefined()
      expect(made.manifest.streams.length > 1).toBe(spec === byStreams)
      const result = await verify(made, at)
      good(result)
      expect(result.verify?.server_version).toBe(made.manifest.engine.server_version.split(' ')[0])
      expect(result.verify?.rows).toBeGreaterThan(10_000)
      expect(result.verify?.restore_ms).toBeGreaterThan(0)
    })

    // the rest is no other in another version
    if (wanted === 'postgres18') return

    it('several streams of a small database', async () => {
      const at = await world()
      const made = await backup('small', byStreams, at)
      expect(made.manifest.streams.length).toBeGreaterThan(1)
      good(await verify(made, at))
    })

    it('an encrypted backup; without the key nothing is said of it', async () => {
      const identity = await identityFile(root.path, 'key')
      const encryption = (files: readonly string[]) => ({
        settings: { ...noEncryption, identityFiles: files },
        keyService: () => {
          throw new Error('none')
        },
      })
      const at = await world(postgres, { encryption: encryption([identity.path]) })
      const made = await backup(
        'small',
        {
          encryption: {
            ...{ required: true, recipientsFile: '', kmsKey: '', breakGlass: [] },
            recipients: [identity.recipient],
          },
        },
        at,
      )
      good(await verify(made, at))
      const other = await identityFile(root.path, 'other')
      const result = await verify(made, await world(postgres, { encryption: encryption([other.path]) }))
      expect(result.failure?.code).toBe('encryption.identity-mismatch')
      expect(result.verify).toBeUndefined()
    })

    it('rows that were lost behind the census: differs, with the table by name', async () => {
      const loses: Engine = {
        ...postgres,
        openDump: async (...args) => {
          const dump = await postgres.openDump(...args)
          return {
            ...dump,
            census: async (signal: AbortSignal) => {
              const counted = await dump.census?.(signal)
              if (counted === undefined) throw new Error('no census')
              return {
                ...counted,
                tables: counted.tables.map(table =>
                  table.name === 'self' ? { ...table, rows: String(BigInt(table.rows) + 1n) } : table,
                ),
              }
            },
          } satisfies DumpSession
        },
      }
      const at = await world(loses)
      const result = await verify(await backup('small', {}, at), at)
      expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'verify.differs' } })
      expect(result.verify?.differences).toEqual([
        expect.stringMatching(/^table public\.self has \d+ rows; it had \d+$/),
      ])
    })

    it('a bit that flipped: unrestorable, the throw-away server is gone', async () => {
      const at = await world()
      const made = await backup('small', {}, at)
      const path = join(places.bucket, made.manifest.streams[0]?.objects[0]?.key ?? '')
      const bytes = await readFile(path)
      bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1
      await writeFile(path, bytes)
      const result = await verify(made, at)
      expect(result.verify).toMatchObject({ verdict: 'unrestorable', failure: { code: 'backup.corrupt' } })
    })

    it('an extension this host has not: says nothing of the backup', async () => {
      const lacks: Engine = {
        ...postgres,
        openRestore: (at, source, ...rest) =>
          postgres.openRestore(
            at,
            {
              ...source,
              requirements: { ...source.requirements, extensions: [{ name: 'postgis', version: '3' }] },
            },
            ...rest,
          ),
      }
      const at = await world(lacks)
      const result = await verify(await backup('small', {}, at), at)
      expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'verify.not-here' } })
      expect(JSON.stringify(result.failure?.context)).toContain('postgis')
      expect(result.verify).toBeUndefined()
    })

    it('a database called postgres, with a tablespace and an owner of its own', async () => {
      const space = join(root.path, `space-${wanted}`)
      await mkdir(space)
      await chown(space, nobody, nobody)
      await server.psql(`CREATE TABLESPACE "sp ace" LOCATION '${space}'`)
      await server.psql(
        `CREATE ROLE "o'wner" SUPERUSER;
         CREATE TABLE t (id serial PRIMARY KEY, v text) TABLESPACE "sp ace"; ALTER TABLE t OWNER TO "o'wner";
         INSERT INTO t DEFAULT VALUES;
         CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER told ON sql_drop EXECUTE FUNCTION told(); ALTER EVENT TRIGGER told OWNER TO "o'wner"`,
      )
      const at = await world()
      good(await verify(await backup('postgres', {}, at), at))
    })

    it('by hand, without a coordinator: a report, and an exit status', async () => {
      const made = await backup('small', {}, await world())
      const url = `${pathToFileURL(places.bucket).href}/${made.key}`
      const ask = async (...more: readonly string[]) => {
        let out = ''
        let err = ''
        const never = new AbortController().signal
        const status = await run(
          [
            ...['verify', '--from', url, '--run-as', 'nobody', '--folder', join(places.state, 'by-hand')],
            ...['--state-dir', join(places.state, 'runs'), '--tool-folder', server.bin, ...more],
          ],
          {
            out: text => {
              out += text
            },
            err: text => {
              err += text
            },
            ...{ interactive: false, columns: () => 100, stop: never, abort: never, environment: {} },
          },
        )
        return { status, out, err }
      }
      const well = await ask()
      expect(well.out, well.err).toMatch(/^small: verified: restored, .*\n2 tables, 1600 rows, /)
      expect(well.status).toBe(0)
      await rm(join(places.bucket, made.manifest.streams[0]?.objects[0]?.key ?? ''))
      const bad = await ask('-o', 'json')
      expect(bad.status).toBe(31)
      expect(JSON.parse(bad.out)).toMatchObject({
        ...{ ok: false, verdict: 'unrestorable', backup_id: made.manifest.backup_id },
        failure: { code: 'backup.incomplete' },
      })
    })

    it('killed with -9, an agent takes its server with it; the next one removes the folder', async () => {
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'verify-child.ts'), places.state, server.bin, String(server.version)],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      const [said] = await once(child.stdout, 'data')
      const folder = String(said).trim()
      const pid = Number((await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8')).split('\n')[0])
      const area = verifyIn(places.state, { user: 'nobody' })
      await area.sweep()
      expect(await readdir(join(places.state, 'verify'))).toHaveLength(1)
      child.kill('SIGKILL')
      await once(child, 'exit')
      await area.sweep()
      expect(await readdir(join(places.state, 'verify'))).toEqual([])
      await waitUntil(
        async () =>
          readFile(`/proc/${pid}/stat`, 'utf8').then(
            stat => /\) [ZX]/.test(stat),
            () => true,
          ),
        { what: 'the server to be gone' },
      )
    })

    describe('the census of an open dump', () => {
      const open = async (database: string, options = {}) =>
        postgres.openDump(
          target,
          { scope: 'database', name: database },
          await contextIn(root.path, { bin: server.bin }),
          {
            census: true,
            ...options,
          },
        )
      const signal = new AbortController().signal

      it('is of the moment of the snapshot, whatever is written after it; a table somebody waits for is told', async () => {
        await server.createDatabase('moment')
        await server.psql(
          `CREATE TABLE a AS SELECT generate_series(1, 10) i; CREATE TABLE b AS SELECT generate_series(1, 20) i;
           CREATE TABLE gone AS SELECT 1`,
          'moment',
        )
        const dump = await open('moment')
        let truncating: Promise<string> | undefined
        try {
          await server.psql('INSERT INTO a SELECT 0; DELETE FROM b; CREATE TABLE later AS SELECT 1', 'moment')
          truncating = server.psql('TRUNCATE gone', 'moment')
          await waitUntil(
            async () => (await server.psql('SELECT count(*) FROM pg_locks WHERE NOT granted')) !== '0',
            { what: 'TRUNCATE to wait for the holder' },
          )
          const counted = await dump.census?.(signal)
          expect(counted?.tables).toEqual([
            { schema: 'public', name: 'a', rows: '10' },
            { schema: 'public', name: 'b', rows: '20' },
          ])
          expect(counted?.skipped).toEqual([
            { name: 'public.gone', reason: expect.stringContaining('lock timeout') },
          ])
          expect(dump.warnings.join()).toContain('public.gone')
        } finally {
          await dump.close()
          await truncating
        }
      })

      it('leaves out foreign tables; partitions are counted at their root, heirs by themselves', async () => {
        await server.createDatabase('shapes')
        await server.psql(
          `CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER far FOREIGN DATA WRAPPER nothing;
           CREATE FOREIGN TABLE far_away (i int) SERVER far;
           CREATE TABLE p (i int) PARTITION BY RANGE (i); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
           CREATE FOREIGN TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20) SERVER far;
           INSERT INTO p SELECT generate_series(0, 4);
           CREATE TABLE parent (i int); CREATE TABLE heir () INHERITS (parent);
           INSERT INTO parent SELECT 1; INSERT INTO heir SELECT generate_series(1, 3)`,
          'shapes',
        )
        const dump = await open('shapes')
        try {
          const counted = await dump.census?.(signal)
          expect(Object.fromEntries(counted?.tables.map(({ name, rows }) => [name, rows]) ?? [])).toEqual({
            ...{ p: '5', parent: '1', heir: '3' },
          })
          expect(counted?.skipped).toEqual([{ name: 'public.far_away', reason: 'a foreign table' }])
          expect(dump.warnings).toEqual([])
        } finally {
          await dump.close()
        }
      })

      it('is not taken where the lock table has room for one archive only: the manifest says why', async () => {
        await server.createDatabase('many')
        await server.psql(
          `DO $$ BEGIN FOR i IN 1..420 LOOP EXECUTE format('CREATE TABLE t%s (i int)', i); IF i % 50 = 0 THEN COMMIT; END IF; END LOOP; END $$`,
          'many',
        )
        const dump = await open('many')
        try {
          expect(dump.census).toBeUndefined()
          expect(dump.warnings).toEqual([expect.stringContaining('room for one archive only')])
          expect(dump.streams[0]?.command.args.join()).not.toContain('--snapshot')
        } finally {
          await dump.close()
        }
      })

      it('is counted by one of the sessions the guard watches, and ends when it is told to', async () => {
        const dump = await open('small')
        const stop = new AbortController()
        let altering: Promise<string> | undefined
        try {
          altering = server.psql('ALTER TABLE self ADD COLUMN more int', 'small')
          await waitUntil(
            async () => (await server.psql('SELECT count(*) FROM pg_locks WHERE NOT granted')) !== '0',
            { what: 'ALTER TABLE to wait for the holder' },
          )
          const counting = dump.census?.(stop.signal).then(
            () => 'counted',
            () => 'ended',
          )
          // it waits behind that, by the name of the holder
          const ours = `SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'holdfast dump %'`
          await waitUntil(async () => Number(await server.psql(ours)) >= 2, {
            what: 'the session that counts',
          })
          stop.abort(new Error('enough'))
          expect(await counting).toBe('ended')
        } finally {
          await dump.close()
          await altering
        }
      })
    })
  })
}
