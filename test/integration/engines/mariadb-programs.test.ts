import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineFor } from '../../../agent/engines/index.ts'
import { breaksDumpTool } from '../../../agent/engines/mysql/name.ts'
import type { InstanceTarget } from '../../../agent/engines/port.ts'
import { explained } from '../../../agent/jobs/explained.ts'
import { demandFooter } from '../../../agent/pipeline/footer.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { describeError } from '../../../shared/log/describe-error.ts'
import {
  type MariadbCredentials,
  type MariadbServer,
  requireServers,
  run,
  startMariadb,
  type TemporaryFolder,
  temporaryFolder,
} from '../../harness/index.ts'
import { attemptId, contextIn, dumpTo, restoreFrom } from './round-trip.ts'
import { runCommand } from './run-command.ts'

const servers = await requireServers('stored programs of MariaDB', 'mariadb')
const mariadb = engineFor('mariadb')
const weird = `we"ird 'n\\ame`

describe.skipIf(servers.missing)('stored programs of MariaDB', () => {
  let server: MariadbServer
  let folder: TemporaryFolder
  let target: InstanceTarget
  let schema: string
  let least: MariadbCredentials

  beforeAll(async () => {
    server = await startMariadb({ settings: { 'log-bin-trust-function-creators': '1' } })
    folder = await temporaryFolder('engine-mariadb-programs')
    // EXECUTE: without, mariadb-dump refuses views that call a function
    least = await server.createUser('dumper', 'SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON *.*')
    schema = await readFile(join(import.meta.dirname, 'mariadb-programs.sql'), 'utf8')
    target = {
      engine: 'mariadb',
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

  const context = () => contextIn(folder.path, { bin: server.bin })
  const login = () => [
    `--defaults-file=${server.optionFile}`,
    `--host=${server.host}`,
    `--port=${server.port}`,
    '--default-character-set=utf8mb4',
  ]
  /** Statements with their comments, which the harness's client would take out. */
  const define = async (name: string, statements: string) =>
    run(join(server.bin, 'mariadb'), [...login(), '--binary-mode', '--comments', `--database=${name}`], {
      input: statements,
    })
  const ident = (name: string) => `\`${name.replaceAll('`', '``')}\``
  /** A statement whatever its names hold: the client would turn a carriage return and line feed into a line feed. */
  const verbatim = (statement: string) =>
    `EXECUTE IMMEDIATE CONVERT(X'${Buffer.from(statement).toString('hex')}' USING utf8mb4);`
  const onDatabase = async (verb: 'CREATE' | 'DROP', name: string, rest = '') => {
    await server.sql(verbatim(`${verb} DATABASE ${ident(name)} ${rest}`))
  }

  /** Everything the server says of the programs of a database, but for when they were made. */
  const programsOf = async (name: string): Promise<readonly string[]> => {
    const kinds = await server.sql(
      `SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = DATABASE()
       UNION ALL SELECT 'TRIGGER', trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()
       UNION ALL SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema = DATABASE()
       UNION ALL SELECT 'VIEW', table_name FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY 1, 2`,
      name,
    )
    const programs = kinds.split('\n').filter(each => each !== '')
    // one client for all: each answers with one line
    const found = await server.sql(
      programs
        .map(line => line.split('\t'))
        .map(([kind, escaped = '']) => `SHOW CREATE ${kind} ${ident(escaped.replaceAll('\\\\', '\\'))};`)
        .join('\n'),
      name,
    )
    const shown = found
      .split('\n')
      .map((line, index) => (programs[index]?.startsWith('TRIGGER\t') ? line.replace(/\t[^\t]*$/, '') : line))
    expect(shown).toHaveLength(programs.length)
    shown.push(
      await server.sql(
        `SELECT event_name, definer, time_zone, execute_at, interval_value, interval_field, sql_mode, starts, ends, status,
           on_completion, event_comment, character_set_client, collation_connection, database_collation, HEX(event_definition)
         FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY event_name;
         SELECT trigger_name, action_timing, event_manipulation, event_object_table, action_order
         FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY trigger_name`,
        name,
      ),
    )
    return shown
  }

  const use = (name: string) =>
    server.sql(
      `CALL plain(1); SELECT d, b FROM again ORDER BY d; SELECT NEXTVAL(numbers) >= 7;
       SET sql_mode = ORACLE; SELECT pack.f() FROM dual`,
      name,
    )

  describe('the dump tool', () => {
    const characters = ['"', "'", '\\', '\n', '\r', '\x1a', '`', '%', '/', '\t', '\x01', '漢', '.', ';', ' ']
    const nameWith = (character: string) => `with${character}events`
    let version: string
    beforeAll(async () => {
      const made = characters
        .map(nameWith)
        .flatMap(name => [
          verbatim(`CREATE DATABASE ${ident(name)}`),
          verbatim(`CREATE EVENT ${ident(name)}.e ON SCHEDULE EVERY 1 DAY DO SELECT 1`),
        ])
      version = await server.sql([...made, 'SELECT VERSION()'].join('\n'))
    })
    it.each(characters.map(character => [JSON.stringify(character), character]))(
      'fails on events of a database whose name holds %s only when we know of it',
      async (_label, character) => {
        const name = nameWith(character)
        const args = [...login(), '--events', '--', name]
        const ended = await run(join(server.bin, 'mariadb-dump'), args, { allowFailure: true })
        if (ended.code !== 0) {
          expect(ended.stderr).toContain('Unknown database')
          expect(breaksDumpTool(name)).toBe(true)
        }
        // The day this fails on a newer series the tool has been mended there, which is no harm
        else if (version.startsWith('10.11.')) expect(breaksDumpTool(name)).toBe(false)
      },
    )
    afterAll(async () => {
      await server.sql(characters.map(each => verbatim(`DROP DATABASE ${ident(nameWith(each))}`)).join('\n'))
    })
  })

  it('events of a database with quotes in its name come back equal, by a stream of their own', async () => {
    await onDatabase('CREATE', weird, 'CHARACTER SET utf8mb4')
    await define(weird, schema)
    const before = await programsOf(weird)
    const { source, fileOf, session } = await dumpTo(folder.path, mariadb, target, weird, await context())
    expect(session.streams.map(({ name }) => name)).toEqual(['000-full', '001-events'])
    const events = session.streams[1]
    if (events === undefined) throw new Error('no second stream')
    expect((await stat(events.command.args[0] ?? '')).mode & 0o777).toBe(0o600)
    const script = await readFile(fileOf('001-events'))
    expect(() => demandFooter(script.subarray(-4096), events.footer ?? /nothing/, 'events')).not.toThrow()
    expect(script.toString()).not.toContain('we"ird')

    await onDatabase('DROP', weird)
    await restoreFrom(mariadb, target, source, fileOf, weird, await context())
    expect(await programsOf(weird)).toEqual(before)
    expect(before.filter(line => line.includes(' EVENT '))).toHaveLength(6)
    for (const kept of ["-- it's a comment", 'DISABLE ON SLAVE', '+03:00'])
      expect(before.join('\n')).toContain(kept)
    await onDatabase('DROP', weird)
  })

  it('an event that holds two semicolons does not keep the dump tool busy for ever', async () => {
    await server.createDatabase('endless')
    await define('endless', 'CREATE EVENT e ON SCHEDULE EVERY 1 DAY COMMENT ";;" DO DO 1')
    const session = await mariadb.openDump(target, { scope: 'database', name: 'endless' }, await context())
    expect(session.streams.map(({ name }) => name)).toEqual(['000-full', '001-events'])
    expect(session.streams[0]?.command.args).toContain('--skip-events')
    await session.close()
  })

  it.each([
    ['a double quote', 'a"b'],
    ['a quote', "it's"],
    ['a backslash', 'a\\b\\'],
    ['backticks', 'a`b``'],
    ['percents', '100%s %d'],
    ['slashes', '/a/../b'],
    ['a leading dash', '--force'],
    ['unicode', 'żółw 漢字'],
    ['line breaks', 'a\nb\rc\r\nd'],
    ['everything', `-"'\\\`%/é漢\n;--/*`],
  ])('every kind of object comes back equal under a name with %s', async (_label, name) => {
    await onDatabase('CREATE', name, 'CHARACTER SET utf8mb4')
    // Without two semicolons in an event, so that the dump tool does what it can itself
    await define(name, schema.replace('with ;; and', 'with ; and'))
    const before = await programsOf(name)
    const used = await use(name)
    const { source, fileOf } = await dumpTo(
      folder.path,
      mariadb,
      { ...target, ...least },
      name,
      await context(),
    )
    await onDatabase('DROP', name)
    await restoreFrom(mariadb, target, source, fileOf, name, await context())
    expect(await programsOf(name)).toEqual(before)
    expect(await use(name)).toBe(used)
    await onDatabase('DROP', name)
  })

  it.each([['original'], [weird]])(
    'a copy of %s names no other database, though its collation changed after its programs were made',
    async name => {
      await onDatabase('CREATE', name, `CHARACTER SET utf8mb4 COMMENT 'kept'`)
      await define(name, schema)
      await server.sql('ALTER DATABASE CHARACTER SET latin2 COLLATE latin2_czech_cs', name)
      await define(
        name,
        'CREATE PROCEDURE later() SELECT 1; CREATE EVENT later ON SCHEDULE EVERY 1 DAY DO DO 0',
      )
      const before = await programsOf(name)
      const { source, fileOf } = await dumpTo(folder.path, mariadb, target, name, await context())
      await onDatabase('DROP', name)
      await restoreFrom(mariadb, target, source, fileOf, 'the copy', await context())
      expect(await programsOf('the copy')).toEqual(before)
      expect(await use('the copy')).toContain('one')
      expect(
        await server.sql(
          `SELECT default_collation_name, schema_comment FROM information_schema.schemata WHERE schema_name = 'the copy'`,
        ),
      ).toBe('latin2_czech_cs\tkept')
      await server.sql('DROP DATABASE `the copy`')
    },
  )

  it.each([
    ['a missing table', "INSERT INTO nowhere VALUES ('planted secret')"],
    ['a syntax error', "INSERT INTO t VALUES (1, 'x') planted secret"],
    ['a doubled key', "INSERT INTO t VALUES (1, 'planted secret'), (2, 'planted secret')"],
    ['a wrong value', "INSERT INTO t VALUES ('planted secret', 'x')"],
    ['a message of a routine', "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'planted secret'"],
    [
      'a row that looks like an error',
      "INSERT INTO nowhere VALUES ('\nERROR 1045 (28000) at line 1: planted secret\n')",
    ],
    ['a row that looks like the tool', "INSERT INTO nowhere VALUES ('\nmysql: planted secret\n(1045)\n')"],
  ])('no row reaches the failure of a restore or its log: %s', async (_label, statement) => {
    await server.sql('CREATE DATABASE IF NOT EXISTS small')
    const { source } = await dumpTo(folder.path, mariadb, target, 'small', await context())
    const session = await mariadb.openRestore(target, source, 'leaky', attemptId(), await context())
    const file = join(folder.path, 'leaky.sql')
    await writeFile(file, `CREATE TABLE t (a INT, b VARCHAR(99) UNIQUE);\n${statement};\nSELECT 1;\n`)
    const ended = await runCommand(session.consumer('000-full'), { stdin: file })
    await session.abandon()
    await session.close()
    expect(ended).toMatchObject({ status: 1, stderr: expect.stringContaining('planted secret') })
    const failed = new AppError('stage.failed', {
      message: 'mariadb exited with status 1',
      context: { stage: 'mariadb', status: 1, stderr: ended.stderr },
    })
    const failure = explained(failed, tail => session.diagnose('000-full', tail))
    expect(failure).toMatchObject({ code: 'restore.failed', context: { status: 1 } })
    expect(failure.context['detail']).toMatch(/ERROR \d+ \(\w+\) at line \d+: /)
    const told = JSON.stringify([failure.toFailure(), describeError(failure)])
    expect(told).not.toContain('planted secret')
  })
})
