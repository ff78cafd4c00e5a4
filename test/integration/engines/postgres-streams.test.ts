import { spawn } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { DumpOptions, DumpSession, InstanceTarget } from '../../../agent/engines/port.ts'
import { postgres } from '../../../agent/engines/postgres/engine.ts'
import { openHolder } from '../../../agent/engines/postgres/holder.ts'
import { readLockTable } from '../../../agent/engines/postgres/lock-slots.ts'
import { readServerFacts } from '../../../agent/engines/postgres/server.ts'
import { withSession } from '../../../agent/engines/postgres/session.ts'
import type { AppError } from '../../../shared/errors/index.ts'
import {
  type PostgresServer,
  requireServers,
  run,
  startPostgres,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../../harness/index.ts'
import { contextIn, dumpTo, restoreFrom, streamsTo } from './round-trip.ts'
import { runCommand } from './run-command.ts'

/** Small enough that the small tables of a test are shared. */
const shared: DumpOptions = { streams: 3, sharedFrom: 256 * 1024 }

const here = import.meta.dirname

for (const [label, wanted] of [
  ['PostgreSQL of the host', 'postgres'],
  ['PostgreSQL 18', 'postgres18'],
] as const) {
  const servers = await requireServers(`${label}: by streams`, wanted)

  describe.skipIf(servers.missing)(`${label}: by streams`, () => {
    let server: PostgresServer
    let folder: TemporaryFolder
    let share: TemporaryFolder
    let target: InstanceTarget
    const opened: DumpSession[] = []

    beforeAll(async () => {
      folder = await temporaryFolder('engine-streams')
      share = await temporaryFolder('engine-share')
      server = await startPostgres({
        ...(wanted === 'postgres18' ? { version: 18 } : {}),
        settings: {
          wal_level: 'logical',
          max_locks_per_transaction: '10',
          max_wal_senders: '2',
          max_worker_processes: '2',
          ...(wanted === 'postgres18'
            ? {
                extension_control_path: `${await ownExtension(share.path)}:$system`,
              }
            : {}),
        },
      })
      target = {
        engine: 'postgres',
        host: server.host,
        port: server.port,
        user: server.user,
        passwordFile: server.passwordFile,
      }
    })
    afterEach(async () => {
      for (const session of opened.splice(0)) await session.close()
    })
    afterAll(async () => {
      await server?.stop()
      await folder?.remove()
      await share?.remove()
    })

    const context = () => contextIn(folder.path, { bin: server.bin })
    const open = async (name: string, options: DumpOptions = shared, at = target) => {
      const session = await postgres.openDump(at, { scope: 'database', name }, await context(), options)
      opened.push(session)
      return session
    }
    const environment = () => ({
      ...process.env,
      PGHOST: server.host,
      PGPORT: String(server.port),
      PGUSER: server.user,
      PGPASSFILE: server.pgpassFile,
    })

    it('carries the hard schema: nothing of `pg_dump -s -C` differs, every row is there', async () => {
      await server.createDatabase('hard')
      for (const file of ['postgres-schema.sql', 'postgres-hard-schema.sql'])
        await server.psql(await readFile(join(here, file), 'utf8'), 'hard')
      if (wanted === 'postgres18') await server.psql('CREATE EXTENSION own', 'hard')
      await server.psql(
        `ALTER DATABASE hard SET work_mem = '8MB'; COMMENT ON DATABASE hard IS 'hard';
         ALTER DATABASE hard SET idle_in_transaction_session_timeout = '2s';
         ALTER DATABASE hard SET lock_timeout = '1ms'; ALTER DATABASE hard SET statement_timeout = '1s'`,
      )
      const schemaOf = async () => {
        const args = ['-s', '-C', '--restrict-key=x', '-d', 'hard']
        return (await run(join(server.bin, 'pg_dump'), args, { env: environment() })).stdout
      }
      const schema = await schemaOf()
      const data = await dataOf(server, 'hard')

      const { source, fileOf, session } = await dumpTo(
        folder.path,
        postgres,
        target,
        'hard',
        await context(),
        shared,
      )
      const names = session.streams.map(({ name }) => name)
      expect(names[0]).toBe('000-schema')
      expect(names).toContain('999-rest')
      const patterns = session.streams.flatMap(({ command }) => command.args)
      for (const odd of ['"hard"."ABC"', '"hard"."abc"', '"hard"."*?[]()|$\\.é%"', '"hard"."hashp_0"'])
        expect(patterns).toContain(odd)
      expect(session.concurrency).toBe(3)

      await server.psql('ALTER DATABASE hard RENAME TO original')
      await restoreFrom(postgres, target, source, fileOf, 'hard', await context())
      expect(await schemaOf()).toBe(schema)
      expect(await dataOf(server, 'hard')).toBe(data)
      expect(await server.psql(`select nextval('hard.toasted_id_seq')`, 'hard')).toBe('4712')
      // gathered by ANALYZE before the commit
      expect(
        await server.psql(`select reltuples from pg_class where oid = 'hard.big'::regclass`, 'hard'),
      ).toBe('2001')
      // every relation that a plain ANALYZE would look at, partitions and their roots among them
      const statistics = `select c.oid::regclass::text || ':' || count(s.*) from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        left join (select starelid, stainherit from pg_statistic group by 1, 2) s on s.starelid = c.oid
        where c.relkind in ('r', 'm', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
        group by c.oid order by 1`
      const gathered = await server.psql(statistics, 'hard')
      await server.psql('ANALYZE', 'hard')
      expect(gathered).toBe(await server.psql(statistics, 'hard'))
    }, 120_000)

    it('survives idle_in_transaction_session_timeout=2s on the database: the holder is still there', async () => {
      await tables(server, 'impatient')
      await server.psql(`ALTER DATABASE impatient SET idle_in_transaction_session_timeout = '2s'`)
      const session = await open('impatient')
      const holder = `select current_setting('idle_in_transaction_session_timeout')`
      expect(await server.psql(holder, 'impatient')).toBe('2s')
      const age = `select max(extract(epoch from clock_timestamp() - state_change)) > 2.5 from pg_stat_activity
                    where application_name like 'holdfast dump%' and state = 'idle in transaction'`
      await waitUntil(async () => (await server.psql(age)) === 't', { what: 'the holder to be idle' })
      await streamsTo(folder.path, session)
      expect(session.broken?.aborted).toBe(false)
    })

    // TRUNCATE, a rewriting ALTER and renames between snapshot and stream would empty or tear it, with exit 0
    const ddls = {
      truncated: 'TRUNCATE big',
      rewritten: 'ALTER TABLE big ALTER pad TYPE varchar(60) USING upper(pad)',
      'column renamed': 'ALTER TABLE big RENAME COLUMN pad TO padding',
      'table renamed': 'ALTER TABLE big RENAME TO bigger',
      'view changed': 'ALTER VIEW seen RENAME COLUMN id TO ident',
    }
    it('lets no DDL come between snapshot and stream: it waits, the stream behind it ends retryably, nothing hangs', async () => {
      const moved = async ([name, ddl]: readonly [string, string]) => {
        await tables(server, name)
        const session = await open(name)
        const changed = server.psql(ddl, name)
        const waits = `select count(*) from pg_locks l join pg_database d on d.oid = l.database and d.datname = '${name}' where not granted`
        await waitUntil(async () => (await server.psql(waits)) !== '0', { what: `${ddl} to wait` })
        const stream = session.streams.find(({ command }) => command.args.includes('"public"."big"'))
        if (stream === undefined) throw new Error('no stream for the big table')
        const ended = await runCommand(stream.command, { stdout: join(folder.path, name) })
        expect([name, ended.status]).toEqual([name, name === 'view changed' ? 0 : 1])
        if (ended.status !== 0) expect(session.diagnose(stream, ended.stderr)?.traits.retry).toBe('backoff')
        await session.close()
        await changed
      }
      await Promise.all(Object.entries(ddls).map(moved))
    })

    it('takes the locks again when tables changed before the snapshot, and gives up when they always do', async () => {
      await tables(server, 'changing')
      const held = (changes: number) =>
        withSession(
          target,
          'changing',
          { purpose: 'test', signal: AbortSignal.timeout(60_000) },
          async beside => {
            let left = changes
            const holder = await openHolder(target, {
              database: 'changing',
              facts: await readServerFacts(beside),
              purpose: 'dump test',
              signal: AbortSignal.timeout(60_000),
              beside,
              onLost: () => {},
              beforeSnapshot: async () => {
                if (left-- > 0) await server.psql(`CREATE TABLE made_${changes}_${left} (a int)`, 'changing')
              },
            })
            const names = holder?.relations.map(({ name }) => name)
            await holder?.close()
            return names
          },
        )
      expect(await held(2)).toEqual(expect.arrayContaining(['big', 'seen', 'made_2_1', 'made_2_0']))
      await expect(held(100)).rejects.toMatchObject({
        code: 'dump.schema-moving',
        traits: { retry: 'backoff' },
      })
    })

    it('holds nothing for ever when its agent is stopped: the server ends a holder nobody asks (P6)', async () => {
      await tables(server, 'frozen')
      await withSession(
        target,
        'frozen',
        { purpose: 'test', signal: AbortSignal.timeout(60_000) },
        async beside => {
          const lost = Promise.withResolvers<AppError>()
          const holder = await openHolder(target, {
            database: 'frozen',
            facts: await readServerFacts(beside),
            purpose: 'dump test',
            signal: AbortSignal.timeout(60_000),
            beside,
            onLost: lost.resolve,
            idleLimitMs: 500,
          })
          await server.psql('TRUNCATE big', 'frozen')
          expect(await lost.promise).toMatchObject({ code: 'database.conflict', context: { code: '25P03' } })
          await holder?.close()
        },
      )
    })

    it('refuses a dump that would fill the lock table, and does with one archive what has half the room', async () => {
      const room = `select setting::int from pg_settings where name = 'max_locks_per_transaction'`
      expect(await server.psql(room)).toBe('10')
      await server.createDatabase('many')
      const slots = await withSession(
        target,
        'many',
        { purpose: 'test', signal: AbortSignal.timeout(60_000) },
        readLockTable,
      )
      const made = async (count: number) =>
        server.psql(
          `select format('create table t%s as select i, repeat(%L, 50) from generate_series(1, 100) i', g, 'x') from generate_series(1, ${count}) g \\gexec`,
          'many',
        )
      // twice as many as the lock table could take for two whole-schema runs, fewer than one takes
      const half = Math.ceil(slots.slots * 0.6)
      await made(half)
      expect((await open('many', { streams: 3, sharedFrom: 1 })).streams.map(({ name }) => name)).toEqual([
        '000-full',
      ])
      await server.psql(
        `select format('create table u%s (a int)', g) from generate_series(1, ${slots.slots - half + 10}) g \\gexec`,
        'many',
      )
      await expect(open('many')).rejects.toMatchObject({
        code: 'database.lock-slots',
        traits: { retry: 'after-fix' },
      })
      await expect(open('many', { streams: 1 })).rejects.toMatchObject({ code: 'database.lock-slots' })
    })

    it('ends itself when it blocks others for longer than allowed (P6): DDL and application go on', async () => {
      await tables(server, 'production')
      const least = await server.createRole('least', 'IN ROLE pg_read_all_data')
      const session = await open('production', { ...shared, blockingLimit: 1_500 }, { ...target, ...least })
      const ddl = server.psql('TRUNCATE big', 'production')
      await waitUntil(
        async () => (await server.psql('select count(*) from pg_locks where not granted')) !== '0',
        {
          what: 'the DDL to wait',
        },
      )
      const application = server.psql('SELECT count(*) FROM big', 'production')
      // nobody closes the session here: the guard alone lets them go on
      await ddl
      expect(await application).toBe('0')
      expect(session.broken?.reason).toMatchObject({
        code: 'dump.blocked-others',
        context: { waiting: [expect.stringContaining('AccessExclusiveLock on public.big')] },
        traits: { retry: 'backoff' },
      })
    })

    it('watches a dump in one archive too', async () => {
      await tables(server, 'whole')
      const session = await open('whole', { streams: 1, blockingLimit: 1_000 })
      expect(session.streams.map(({ name }) => name)).toEqual(['000-full'])
      const [stream] = session.streams
      // what our pg_dump would hold, held in its name
      const ours = run(
        join(server.bin, 'psql'),
        ['-X', '-c', 'BEGIN; LOCK TABLE big IN ACCESS SHARE MODE; SELECT pg_sleep(60)'],
        {
          env: { ...environment(), PGDATABASE: 'whole', PGAPPNAME: stream?.command.env?.['PGAPPNAME'] ?? '' },
          allowFailure: true,
        },
      )
      await waitUntil(
        async () =>
          (await server.psql(
            `select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and application_name like 'holdfast dump%'`,
          )) === '1',
        { what: 'the lock' },
      )
      await server.psql('TRUNCATE big', 'whole')
      expect(session.broken?.reason).toMatchObject({ code: 'dump.blocked-others' })
      await ours
    })

    it.each([
      ['by streams', {}],
      ['in one archive', { streams: 1 }],
    ])('ends itself when vacuum waits for more transactions than allowed (P6): %s', async (_, way) => {
      await tables(server, 'vacuumed')
      const session = await open('vacuumed', { ...shared, ...way, xminAgeLimit: 40 })
      const [stream] = session.streams
      // of one archive, what our pg_dump would hold, held in its name
      const ours = run(
        join(server.bin, 'psql'),
        [
          ...['-X', '-c', 'BEGIN ISOLATION LEVEL REPEATABLE READ', '-c', 'SELECT count(*) FROM big'],
          ...['-c', 'SELECT pg_sleep(60)'],
        ],
        {
          env: {
            ...environment(),
            PGDATABASE: 'vacuumed',
            PGAPPNAME: stream?.command.env?.['PGAPPNAME'] ?? '',
          },
          allowFailure: true,
        },
      )
      await waitUntil(
        async () =>
          (await server.psql(
            `select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and application_name like 'holdfast dump%'`,
          )) === '1',
        { what: 'the snapshot' },
      )
      await server.psql(
        'DO $$ BEGIN FOR i IN 1..60 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$',
        'vacuumed',
      )
      await waitUntil(() => session.broken?.aborted === true, { what: 'the dump to end itself' })
      expect(session.broken?.reason).toMatchObject({
        code: 'dump.holds-back',
        context: { setting: 'xmin_age_limit', limit: 40 },
        traits: { retry: 'backoff' },
      })
      // the server has ended our sessions: nothing is held back any more
      await ours
    })

    it('leaves a stream that nobody reads to the server, which ends it (ADR 0101)', async () => {
      await server.createDatabase('unread')
      await server.psql(
        // far more than what sockets and pipes hold between the two
        `CREATE TABLE wide AS SELECT repeat('x', 1000000) AS pad FROM generate_series(1, 200)`,
        'unread',
      )
      const session = await open('unread', { streams: 1, unreadLimit: 3_000 })
      const [stream] = session.streams
      if (stream === undefined) throw new Error('no stream')
      const { program, args, env } = stream.command
      const unread = spawn(program, args, {
        env: { ...environment(), ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const held = () =>
        server.psql(
          `select count(*) from pg_locks l join pg_class c on c.oid = l.relation where relname = 'wide'`,
          'unread',
        )
      await waitUntil(async () => (await held()) !== '0', { what: 'the locks' })
      await waitUntil(async () => (await held()) === '0', { what: 'the server to end it', timeout: 30_000 })
      unread.kill('SIGKILL')
      await new Promise(resolve => unread.once('close', resolve))
    })

    it('ends on the server what a frozen agent holds, also between two tables (ADR 0102)', async () => {
      await tables(server, 'stopped')
      const frozen = spawn(process.execPath, [
        ...['--disable-warning=ExperimentalWarning', join(here, 'frozen-agent.ts')],
        JSON.stringify({ ...target, database: 'stopped', major: wanted === 'postgres18' ? 18 : 15 }),
      ])
      const held = () =>
        server.psql(`select count(*) from pg_stat_activity where application_name = 'holdfast dump frozen'`)
      try {
        await waitUntil(async () => (await held()) === '1', { what: 'what our pg_dump would hold' })
        await new Promise(resolve => frozen.stdout.once('data', resolve))
        frozen.kill('SIGSTOP')
        await waitUntil(async () => (await held()) === '0', { what: 'the reaper', timeout: 30_000 })
      } finally {
        frozen.kill('SIGCONT')
        frozen.kill('SIGKILL')
        await new Promise(resolve => frozen.once('close', resolve))
      }
    })

    it('ends with a retryable reason when the holder is lost', async () => {
      await tables(server, 'holderless')
      const session = await open('holderless')
      await server.psql(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'holdfast dump%'`,
      )
      await waitUntil(() => session.broken?.aborted === true, { what: 'the loss to show' })
      expect(session.broken?.reason).toMatchObject({
        code: 'dump.snapshot-lost',
        traits: { retry: 'backoff' },
      })
      const [stream] = session.streams
      if (stream === undefined) throw new Error('no stream')
      const ended = await runCommand(stream.command, {})
      expect(session.diagnose(stream, ended.stderr)?.code).toBe('dump.snapshot-lost')
    })

    it('refuses streams that do not hold every table: the account', async () => {
      await tables(server, 'miscounted')
      const session = await open('miscounted')
      await expect(session.account?.()).rejects.toMatchObject({ code: 'dump.unaccounted' })
      const lying = {
        ...session,
        streams: session.streams.map(stream =>
          stream.name === '999-rest'
            ? {
                ...stream,
                command: {
                  ...stream.command,
                  args: stream.command.args.filter(arg => !arg.startsWith('--exclude-table-data')),
                },
              }
            : stream,
        ),
      }
      await expect(streamsTo(folder.path, lying)).rejects.toMatchObject({
        code: 'dump.unaccounted',
        context: { twice: expect.arrayContaining(['"public"."big"']) },
      })
    })

    it('leaves no session behind', async () => {
      const left = () =>
        server.psql(`select count(*) from pg_stat_activity where application_name like 'holdfast%'`)
      await waitUntil(async () => (await left()) === '0', { what: 'our sessions to end' })
    })
  })
}

/** Two tables worth a stream, and a view. */
async function tables(server: PostgresServer, database: string): Promise<void> {
  if ((await server.psql(`select 1 from pg_database where datname = '${database}'`)) === '1')
    await server.psql(`DROP DATABASE "${database}" WITH (FORCE)`)
  await server.createDatabase(database)
  await server.psql(
    `CREATE TABLE big AS SELECT i AS id, repeat('x', 50) AS pad FROM generate_series(1, 4000) i;
     CREATE TABLE other AS SELECT i AS id, repeat('y', 50) AS pad FROM generate_series(1, 3500) i;
     CREATE VIEW seen AS SELECT id FROM big`,
    database,
  )
}

/**
 * Every row of every table, by root: rows hashed by an enum may land in other leaves, rightly. Materialised views by
 * whether they are populated: a stale one is refreshed by its restore (facts-databases §4).
 */
async function dataOf(server: PostgresServer, database: string): Promise<string> {
  const rows = `select format('select %L, count(*), md5(coalesce(string_agg(t::text, chr(10) order by t::text collate "C"), '''')) from %s %I.%I t',
                       n.nspname || '.' || c.relname, case when c.relkind = 'p' then '' else 'only' end, n.nspname, c.relname)
                  from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_|^information_schema$'
                 order by n.nspname collate "C", c.relname collate "C" \\gexec`
  const views = `select relname, relispopulated from pg_class where relkind = 'm' order by relname collate "C";`
  const large = `select oid, md5(lo_get(oid)) from pg_largeobject_metadata order by oid;`
  const sequences = `select schemaname, sequencename, last_value from pg_sequences order by 1, 2;`
  return server.psql(`${rows}\n${views}\n${large}\n${sequences}`, database)
}

/** An extension of our own with two configuration tables and a foreign key between them. */
async function ownExtension(folder: string): Promise<string> {
  const share = join(folder, 'share')
  await mkdir(join(share, 'extension'), { recursive: true, mode: 0o755 })
  // the server runs as somebody else
  await chmod(folder, 0o755)
  await writeFile(
    join(share, 'extension', 'own.control'),
    `default_version = '1'\nrelocatable = false\nschema = public\n`,
  )
  await writeFile(
    join(share, 'extension', 'own--1.sql'),
    `CREATE TABLE kind (id int PRIMARY KEY, name text); CREATE TABLE item (id int PRIMARY KEY, kind_id int REFERENCES kind, pad text);
     SELECT pg_extension_config_dump('kind', ''); SELECT pg_extension_config_dump('item', '');`,
  )
  return share
}
