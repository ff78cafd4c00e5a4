import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { DumpSession, InstanceTarget } from '../../../agent/engines/port.ts'
import { postgres } from '../../../agent/engines/postgres/engine.ts'
import { demandFooter } from '../../../agent/pipeline/footer.ts'
import {
  freePort,
  type PostgresServer,
  requireServers,
  run,
  startPostgres,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../../harness/index.ts'
import { attemptId, contextIn, dumpTo, restoreFrom } from './round-trip.ts'
import { runCommand } from './run-command.ts'

const servers = await requireServers('the PostgreSQL engine', 'postgres')

describe.skipIf(servers.missing)('the PostgreSQL engine', () => {
  let server: PostgresServer
  let folder: TemporaryFolder
  let target: InstanceTarget

  beforeAll(async () => {
    server = await startPostgres()
    folder = await temporaryFolder('engine-postgres')
    target = {
      engine: 'postgres',
      host: server.host,
      port: server.port,
      user: server.user,
      passwordFile: server.passwordFile,
    }
  })
  afterAll(async () => {
    await server?.stop()
    await folder?.remove()
  })

  const context = (signal?: AbortSignal) =>
    contextIn(folder.path, { bin: server.bin, ...(signal === undefined ? {} : { signal }) })
  const opened: DumpSession[] = []
  const openDump = async (at: InstanceTarget, name: string) => {
    const session = await postgres.openDump(at, { scope: 'database', name }, await context())
    opened.push(session)
    return session
  }
  afterEach(async () => {
    for (const session of opened.splice(0)) await session.close()
  })

  describe('refuses with a clear error', () => {
    it('a wrong password', async () => {
      const passwordFile = join(folder.path, 'wrong')
      await writeFile(passwordFile, 'wrong', { mode: 0o600 })
      await expect(openDump({ ...target, passwordFile }, 'postgres')).rejects.toMatchObject({
        code: 'database.auth-failed',
        context: { user: 'postgres', detail: expect.stringContaining('password authentication failed') },
      })
    })

    it('no password where one is needed, without looking into the environment', async () => {
      const { passwordFile: _, ...bare } = target
      process.env.PGPASSWORD = server.password
      try {
        await expect(openDump(bare, 'postgres')).rejects.toMatchObject({ code: 'database.auth-failed' })
      } finally {
        delete process.env.PGPASSWORD
      }
    })

    it('a password file that others can read', async () => {
      const passwordFile = join(folder.path, 'exposed')
      await writeFile(passwordFile, server.password)
      await chmod(passwordFile, 0o644)
      await expect(openDump({ ...target, passwordFile }, 'postgres')).rejects.toMatchObject({
        code: 'secret.exposed',
      })
    })

    it('a pre-flight whose session is killed, as what is tried again', async () => {
      const { tools, ...rest } = await context()
      const kill =
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast dump pre-flight'"
      // idle then: the tool is looked for in the middle of it
      const find: typeof tools.find = async (...asked) => {
        await server.psql(kill)
        await waitUntil(
          async () => (await server.psql(kill.replace('pg_terminate_backend(pid)', 'count(*)'))) === '0',
          { what: 'the end of the session' },
        )
        return tools.find(...asked)
      }
      const failure = await postgres
        .openDump(target, { scope: 'database', name: 'postgres' }, { ...rest, tools: { ...tools, find } })
        .catch((thrown: unknown) => thrown)
      expect(failure).toMatchObject({
        code: 'database.conflict',
        traits: { retry: 'backoff' },
        context: { database: 'postgres', detail: expect.stringContaining('terminating connection') },
      })
    })

    it('a server that does not listen', async () => {
      const port = await freePort()
      await expect(postgres.probe({ ...target, port }, await context())).rejects.toMatchObject({
        code: 'database.unreachable',
        context: { port },
      })
    })

    it('a host that has no address', async () => {
      await expect(
        postgres.probe({ ...target, host: 'nowhere.invalid' }, await context()),
      ).rejects.toMatchObject({
        code: 'database.unreachable',
      })
    })

    it('a server without TLS where TLS is required, while `prefer` falls back', async () => {
      await expect(openDump({ ...target, tls: 'require' }, 'postgres')).rejects.toMatchObject({
        code: 'database.tls-failed',
      })
      await expect(openDump({ ...target, tls: 'prefer' }, 'postgres')).resolves.toBeDefined()
    })

    it('a database that was dropped after it was planned', async () => {
      await expect(openDump(target, 'never there')).rejects.toMatchObject({ code: 'database.gone' })
    })

    it('a database that takes no connections', async () => {
      await server.createDatabase('closed')
      await server.psql('ALTER DATABASE closed ALLOW_CONNECTIONS false')
      await expect(openDump(target, 'closed')).rejects.toMatchObject({ code: 'database.not-connectable' })
      const found = (await postgres.inventory(target, await context())).find(one => one.name === 'closed')
      expect(found).toMatchObject({ connectable: false, sizeBytes: expect.any(Number) })
    })

    it('a host without pg_dump, naming the tool', async () => {
      const { createToolFinder } = await import('../../../agent/process/index.ts')
      const missing = createToolFinder({ path: '', paths: { pg_dump: '/nowhere/pg_dump' } })
      const scratch = await contextIn(folder.path, { tools: missing })
      await expect(
        postgres.openDump(target, { scope: 'database', name: 'postgres' }, scratch),
      ).rejects.toMatchObject({ code: 'tool.missing', message: expect.stringContaining('pg_dump') })
    })

    it('a client older than the server', async () => {
      const old = {
        find: async (names: readonly string[]) => ({
          name: names[0] ?? '',
          path: '/old',
          version: 'pg_dump (PostgreSQL) 9.6.24',
        }),
      }
      const scratch = await contextIn(folder.path, { tools: old })
      await expect(
        postgres.openDump(target, { scope: 'database', name: 'postgres' }, scratch),
      ).rejects.toMatchObject({ code: 'tool.too-old', context: { needed: server.version } })
    })

    it('a role that cannot read everything, naming what it lacks', async () => {
      await server.createDatabase('guarded')
      await server.psql(
        `CREATE TABLE secret (a int); CREATE TABLE rows (a int); ALTER TABLE rows ENABLE ROW LEVEL SECURITY;
         GRANT SELECT ON rows TO PUBLIC; SELECT lo_create(99)`,
        'guarded',
      )
      const poor = await server.createRole('poor')
      await expect(openDump({ ...target, ...poor }, 'guarded')).rejects.toMatchObject({
        code: 'database.privilege-missing',
        context: {
          missing: [
            'SELECT on public.secret',
            'BYPASSRLS for row-level security on public.rows',
            'SELECT on large object 99',
          ],
        },
      })
    })
  })

  it('probes version, role, identity, clock and tools', async () => {
    const probe = await postgres.probe(target, await context())
    expect(probe).toMatchObject({
      role: 'primary',
      missingPrivileges: [],
      evidence: [{ kind: 'postgres-system-identifier', value: expect.stringMatching(/^\d{15,20}$/) }],
      tools: {
        pg_dump: expect.stringContaining('PostgreSQL'),
        pg_restore: expect.any(String),
        pg_dumpall: expect.any(String),
      },
    })
    expect(Math.abs(probe.clockOffsetMs)).toBeLessThan(5_000)
    const least = await server.createRole('least', 'IN ROLE pg_read_all_data')
    expect((await postgres.probe({ ...target, ...least }, await context())).missingPrivileges).toEqual([])
    const none = await server.createRole('powerless')
    expect((await postgres.probe({ ...target, ...none }, await context())).missingPrivileges).toEqual([
      'membership in pg_read_all_data',
    ])
  })

  it('lists every database but templates, with oid and size', async () => {
    await server.createDatabase('listed "one"')
    const found = await postgres.inventory(target, await context())
    expect(found.map(one => one.name)).not.toContain('template1')
    const oid = await server.psql(`select oid from pg_database where datname = 'listed "one"'`)
    expect(found.find(one => one.name === 'listed "one"')).toMatchObject({
      connectable: true,
      evidence: [{ kind: 'postgres-oid', value: oid }],
    })
    expect(found.find(one => one.name === 'listed "one"')?.sizeBytes).toBeGreaterThan(1_000_000)
  })

  it('carries a hard schema, its data and the properties of its database', async () => {
    await server.psql(
      `CREATE ROLE "Owner ""One"; CREATE ROLE reader; CREATE ROLE granter; CREATE ROLE "x=y/z"`,
    )
    await server.psql(
      `CREATE DATABASE hard TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'`,
    )
    await server.psql(await readFile(join(import.meta.dirname, 'postgres-schema.sql'), 'utf8'), 'hard')
    await server.psql(`ALTER DATABASE hard OWNER TO "Owner ""One";
      COMMENT ON DATABASE hard IS E'it''s \\\\ hard\nreally';
      ALTER DATABASE hard CONNECTION LIMIT 17;
      ALTER DATABASE hard SET search_path TO app, "Odd ""Schema", public;
      ALTER DATABASE hard SET work_mem = '8MB'; ALTER DATABASE hard SET my.setting = 'a=b, ''c''';
      ALTER DATABASE hard SET default_transaction_read_only = on;
      ALTER ROLE reader IN DATABASE hard SET statement_timeout = '5s';
      REVOKE ALL ON DATABASE hard FROM PUBLIC; GRANT CONNECT ON DATABASE hard TO reader;
      GRANT CONNECT ON DATABASE hard TO granter WITH GRANT OPTION;
      SET SESSION AUTHORIZATION granter; GRANT CONNECT ON DATABASE hard TO "x=y/z"; RESET SESSION AUTHORIZATION`)
    await server.psql(
      `SET default_transaction_read_only = off; GRANT SELECT ON app.customer TO reader; GRANT SELECT (id) ON app.self TO reader;
       ALTER TABLE app.log OWNER TO "Owner ""One"; ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO reader`,
      'hard',
    )
    const { source, fileOf, session } = await dumpTo(folder.path, postgres, target, 'hard', await context())
    expect(session.requirements.roles).toEqual(['Owner "One', 'granter', 'postgres', 'reader', 'x=y/z'])
    expect(source.settings).toMatchObject({ locale_provider: 'icu', icu_locale: 'de', connection_limit: 17 })

    await restoreFrom(postgres, target, source, fileOf, 'hardcopy', await context())

    const schemaOf = async (name: string) => {
      const { stdout } = await run(
        join(server.bin, 'pg_dump'),
        ['-s', '-C', '--restrict-key=x', '-d', `dbname='${name}'`],
        {
          env: {
            ...process.env,
            PGHOST: server.host,
            PGPORT: String(server.port),
            PGUSER: server.user,
            PGPASSFILE: server.pgpassFile,
          },
        },
      )
      return stdout.replaceAll('hardcopy', 'hard')
    }
    expect(await schemaOf('hardcopy')).toBe(await schemaOf('hard'))
    // Order-independent, by root: rows hashed by an enum may land in other leaves, rightly (facts-databases §4)
    const data = `select c.oid::regclass::text collate "C" as name, query_to_xml(format('select count(*), md5(string_agg(t::text, chr(10) order by t::text collate "C")) from %s t', c.oid::regclass), true, true, '')
                    from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   where relkind in ('r', 'p', 'm') and not relispartition and relispopulated and n.nspname in ('app', 'Odd "Schema') order by 1`
    const original = await server.psql(data, 'hard')
    expect(original).toContain('<count>500</count>')
    expect(await server.psql(data, 'hardcopy')).toBe(original)
    expect(
      await server
        .psql(`select encode(lo_get(4711), 'hex'), nextval('app.tickets')`, 'hardcopy')
        .catch(String),
    ).toContain('read-only')
    expect(await server.psql(`select encode(lo_get(4711), 'hex')`, 'hardcopy')).toBe('deadbeef00')
    // Statistics were gathered before the rename
    expect(
      await server.psql(`select reltuples from pg_class where oid = 'app.customer'::regclass`, 'hardcopy'),
    ).toBe('500')
  })

  it.each([
    ['spaces', ' two  words '],
    ['double quotes', 'a"b""c'],
    ['single quotes', "it's 'q'"],
    ['slashes', 'a/b\\c//d'],
    ['percent', '100%s%%d%2F'],
    ['equals, as conninfo', 'host=nowhere dbname=x'],
    ['a leading dash', '-d'],
    ['a long option', '--help'],
    ['an URL', 'postgresql://u:p@nowhere/x'],
    ['unicode', 'données 漢字 😀'],
    ['upper case', 'MixedCASE'],
    ['63 bytes', `${'é'.repeat(31)}x`],
    ['line breaks and tabs', 'a\nb\tc\rd'],
    ['other control characters', '\x01\x07\x1b[31m\x7f'],
    ['shell syntax', '$(touch /tmp/x); `id` && *?'],
    ['backslashes at the end', 'end\\'],
    ['colons and hashes', '#a:b;c,d'],
  ])('backs up and restores a name with %s', async (_label, name) => {
    await server.createDatabase(name)
    await server.psql(`CREATE TABLE t AS SELECT generate_series(1, 10) AS i`, name)
    const { source, fileOf } = await dumpTo(folder.path, postgres, target, name, await context())
    await server.psql(`DROP DATABASE "${name.replaceAll('"', '""')}"`)
    const session = await restoreFrom(postgres, target, source, fileOf, name, await context())
    expect(Buffer.byteLength(session.workingName)).toBeLessThanOrEqual(63)
    expect(await server.psql('SELECT count(*) FROM t', name)).toBe('10')
    const names = (await postgres.inventory(target, await context())).map(one => one.name)
    expect(names).toContain(name)
    expect(names).not.toContain(session.workingName)
    await server.psql(`DROP DATABASE "${name.replaceAll('"', '""')}"`)
  })

  it('dumps globals without a single password verifier, ended by the footer', async () => {
    await server.createRole('with-password')
    const session = await postgres.openDump(target, { scope: 'cluster' }, await context())
    const [stream] = session.streams
    if (stream === undefined) throw new Error('no stream')
    const file = join(folder.path, 'globals.sql')
    const ended = await runCommand(stream.command, { stdout: file })
    expect(ended.status).toBe(0)
    await session.verify(stream, ended.stderr)
    const text = await readFile(file, 'utf8')
    expect(text).toContain('CREATE ROLE "with-password"')
    expect(text).not.toContain('SCRAM-SHA-256')
    const footer = stream.footer ?? /nothing/
    expect(() => demandFooter(Buffer.from(text.slice(-4096)), footer, 'globals')).not.toThrow()
    expect(() => demandFooter(Buffer.from(text.slice(-4096, -10)), footer, 'globals')).toThrow()
  })

  it('says when the data was true, not later than the snapshot (P1)', async () => {
    await server.createDatabase('timed')
    const before = Number(await server.psql('select floor(extract(epoch from clock_timestamp()) * 1000)'))
    const session = await openDump(target, 'timed')
    const after = Number(await server.psql('select floor(extract(epoch from clock_timestamp()) * 1000)'))
    expect(session.dataAsOf).toBeGreaterThanOrEqual(before)
    expect(session.dataAsOf).toBeLessThanOrEqual(after)
    expect(session.position).toEqual({ kind: 'lsn', value: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/) })
  })

  it('keeps secrets out of arguments and environment, in 0600 files', async () => {
    const { streams } = await openDump(target, 'postgres')
    const command = streams[0]?.command
    const shown = JSON.stringify(command)
    expect(shown).not.toContain(server.password)
    const passfile = command?.env?.PGPASSFILE ?? ''
    expect((await stat(passfile)).mode & 0o777).toBe(0o600)
    expect(await readFile(passfile, 'utf8')).toContain(server.password)
  })

  describe('restore (J11)', () => {
    const dumped = async () => {
      if (!(await server.psql(`select 1 from pg_database where datname = 'orders'`))) {
        await server.createDatabase('orders')
        await server.psql('CREATE TABLE t AS SELECT generate_series(1, 1000) AS i', 'orders')
      }
      return dumpTo(folder.path, postgres, target, 'orders', await context())
    }
    const names = async () => (await postgres.inventory(target, await context())).map(one => one.name)

    it('refuses a target that exists', async () => {
      const { source } = await dumped()
      await expect(
        postgres.openRestore(target, source, 'orders', attemptId(), await context()),
      ).rejects.toMatchObject({ code: 'restore.target-exists' })
    })

    it('refuses a second restore into the same target while the first lives, and lets it go on afterwards', async () => {
      const { source } = await dumped()
      const first = await postgres.openRestore(
        target,
        source,
        'locked',
        attemptId('000000000001'),
        await context(),
      )
      await expect(
        postgres.openRestore(target, source, 'locked', attemptId('000000000002'), await context()),
      ).rejects.toMatchObject({ code: 'restore.target-locked' })
      await first.abandon()
      await first.close()
      const second = await postgres.openRestore(
        target,
        source,
        'locked',
        attemptId('000000000002'),
        await context(),
      )
      await second.abandon()
      await second.close()
      expect(await names()).not.toContain(second.workingName)
    })

    it('shows nothing under the target name before the commit', async () => {
      const { source, fileOf } = await dumped()
      const session = await postgres.openRestore(target, source, 'hidden', attemptId(), await context())
      await runCommand(session.consumer('000-full'), { stdin: fileOf('000-full') })
      await session.prepareCommit()
      expect(await names()).not.toContain('hidden')
      await session.commit()
      await session.abandon()
      await session.close()
      expect(await names()).toContain('hidden')
    })

    it('cleans up after an abort: sessions end at once, abandon still drops the working database', async () => {
      const { source } = await dumped()
      const stop = new AbortController()
      const session = await postgres.openRestore(
        target,
        source,
        'aborted',
        attemptId(),
        await context(stop.signal),
      )
      stop.abort(new Error('stopped'))
      await expect(session.commit()).rejects.toMatchObject({ code: 'interrupted' })
      await session.abandon()
      await session.close()
      expect(await names()).not.toContain(session.workingName)
      const left = () =>
        server.psql(`select count(*) from pg_stat_activity where application_name like 'holdfast restore%'`)
      await waitUntil(async () => (await left()) === '0', { what: 'our sessions to end' })
    })

    it('does not commit when its lock was lost', async () => {
      const { source, fileOf } = await dumped()
      const session = await postgres.openRestore(target, source, 'orphan', attemptId(), await context())
      await runCommand(session.consumer('000-full'), { stdin: fileOf('000-full') })
      await server.psql(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast restore lock'`,
      )
      await expect(session.commit()).rejects.toMatchObject({ code: 'database.conflict' })
      await session.abandon()
      await session.close()
      expect(await names()).not.toContain('orphan')
    })

    it('names the roles that the server lacks, and goes on without them when ownership is discarded', async () => {
      await server.psql('CREATE ROLE leaving')
      await server.createDatabase('owned')
      await server.psql(
        'CREATE TABLE t (a int); ALTER TABLE t OWNER TO leaving; GRANT SELECT ON t TO leaving',
        'owned',
      )
      await server.psql('ALTER DATABASE owned OWNER TO leaving')
      const { source, fileOf } = await dumpTo(folder.path, postgres, target, 'owned', await context())
      await server.psql('DROP DATABASE owned; DROP ROLE leaving')
      await expect(
        postgres.openRestore(target, source, 'owned', attemptId(), await context()),
      ).rejects.toMatchObject({
        code: 'restore.requirement-missing',
        context: { missing: ['role "leaving"'] },
      })
      await restoreFrom(
        postgres,
        target,
        { ...source, ownership: 'discard' },
        fileOf,
        'owned',
        await context(),
      )
      expect(await server.psql(`select tableowner from pg_tables where tablename = 't'`, 'owned')).toBe(
        'postgres',
      )
    })

    it('refuses a backup whose locale the host does not have', async () => {
      const { source } = await dumped()
      const settings = {
        acl: [],
        settings: [],
        ...source.settings,
        locale_provider: 'libc',
        collation: 'xx_XX.utf8',
      }
      await expect(
        postgres.openRestore(target, { ...source, settings }, 'foreign', attemptId(), await context()),
      ).rejects.toMatchObject({
        code: 'restore.requirement-missing',
        context: { detail: expect.stringContaining('xx_XX.utf8') },
      })
    })

    it('fails on an archive that was cut short', async () => {
      const { source, fileOf } = await dumped()
      const cut = join(folder.path, 'cut')
      await writeFile(cut, (await readFile(fileOf('000-full'))).subarray(0, -600))
      const session = await postgres.openRestore(target, source, 'truncated', attemptId(), await context())
      const ended = await runCommand(session.consumer('000-full'), { stdin: cut })
      expect(ended.status).not.toBe(0)
      await session.abandon()
      await session.close()
    })
  })

  it('says what a failed dump means: a database dropped in between', async () => {
    await server.createDatabase('vanishing')
    const session = await openDump(target, 'vanishing')
    const [stream] = session.streams
    if (stream === undefined) throw new Error('no stream')
    await server.psql('DROP DATABASE vanishing WITH (FORCE)')
    const ended = await runCommand(stream.command, {})
    expect(ended.status).toBe(1)
    expect(session.diagnose(stream, ended.stderr)?.code).toBe('database.gone')
  })

  it('says what a failed dump means: a table locked for too long (P6)', async () => {
    await server.createDatabase('locked table')
    await server.psql('CREATE TABLE t (a int)', 'locked table')
    const session = await openDump(target, 'locked table')
    const [stream] = session.streams
    if (stream === undefined) throw new Error('no stream')
    const args = stream.command.args.map(arg =>
      arg.replace('--lock-wait-timeout=5s', '--lock-wait-timeout=200ms'),
    )
    expect(args).not.toEqual(stream.command.args)
    const holder = server
      .psql('BEGIN; LOCK TABLE t; SELECT pg_sleep(60)', 'locked table')
      .catch(() => undefined)
    const locked = `select count(*) from pg_locks where mode = 'AccessExclusiveLock' and relation is not null and granted
                      and database = (select oid from pg_database where datname = 'locked table')`
    await waitUntil(async () => (await server.psql(locked)) !== '0', { what: 'the lock' })
    const ended = await runCommand({ ...stream.command, args }, {})
    await server.psql(
      `select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)' and pid <> pg_backend_pid()`,
    )
    await holder
    expect(ended.status).toBe(1)
    expect(session.diagnose(stream, ended.stderr)?.code).toBe('database.conflict')
  })

  it('leaves no session behind', async () => {
    const left = () =>
      server.psql(`select count(*) from pg_stat_activity where application_name like 'holdfast%'`)
    await waitUntil(async () => (await left()) === '0', { what: 'our sessions to end' })
  })
})
