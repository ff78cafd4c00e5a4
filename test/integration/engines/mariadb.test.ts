import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineFor } from '../../../agent/engines/index.ts'
import type { InstanceTarget } from '../../../agent/engines/port.ts'
import { demandFooter } from '../../../agent/pipeline/footer.ts'
import { createToolFinder } from '../../../agent/process/index.ts'
import {
  freePort,
  type MariadbServer,
  requireServers,
  run,
  startMariadb,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../../harness/index.ts'
import { attemptId, contextIn, dumpTo, restoreFrom } from './round-trip.ts'
import { runCommand } from './run-command.ts'

const servers = await requireServers('the MariaDB engine', 'mariadb')
const mariadb = engineFor('mariadb')

describe.skipIf(servers.missing)('the MariaDB engine', () => {
  let server: MariadbServer
  let folder: TemporaryFolder
  let target: InstanceTarget

  beforeAll(async () => {
    server = await startMariadb()
    folder = await temporaryFolder('engine-mariadb')
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

  const context = (signal?: AbortSignal) =>
    contextIn(folder.path, { bin: server.bin, ...(signal === undefined ? {} : { signal }) })
  const openDump = async (at: InstanceTarget, name: string) =>
    mariadb.openDump(at, { scope: 'database', name }, await context())
  const ident = (name: string) => `\`${name.replaceAll('`', '``')}\``
  const names = async () => (await mariadb.inventory(target, await context())).map(one => one.name)

  describe('refuses with a clear error', () => {
    it('a wrong password', async () => {
      const passwordFile = join(folder.path, 'wrong')
      await writeFile(passwordFile, 'wrong', { mode: 0o600 })
      await expect(openDump({ ...target, passwordFile }, 'x')).rejects.toMatchObject({
        code: 'database.auth-failed',
        context: { detail: expect.stringContaining('Access denied') },
      })
    })

    it('a server that does not listen', async () => {
      const port = await freePort()
      await expect(mariadb.probe({ ...target, port }, await context())).rejects.toMatchObject({
        code: 'database.unreachable',
      })
    })

    it('a server without TLS where TLS is required, while `prefer` goes on', async () => {
      for (const tls of ['require', 'verify-full'] as const)
        await expect(mariadb.probe({ ...target, tls }, await context())).rejects.toMatchObject({
          code: 'database.tls-failed',
        })
      await expect(mariadb.probe({ ...target, tls: 'prefer' }, await context())).resolves.toBeDefined()
    })

    it('a database that was dropped after it was planned', async () => {
      await expect(openDump(target, 'never there')).rejects.toMatchObject({ code: 'database.gone' })
    })

    it("a host that has only the other family's client, or an old one, or none", async () => {
      await server.createDatabase('tools')
      const finder = createToolFinder({ folders: [server.bin] })
      const dumpOf = async (version: string) =>
        contextIn(folder.path, {
          tools: {
            find: async found => {
              const tool = await finder.find(found)
              return found.some(name => name.includes('dump')) ? { ...tool, version } : tool
            },
          },
        })
      const subject = { scope: 'database', name: 'tools' } as const
      await expect(
        mariadb.openDump(target, subject, await dumpOf('mysqldump  Ver 8.4.0 for Linux on x86_64')),
      ).rejects.toMatchObject({ code: 'tool.missing', message: expect.stringContaining('of MariaDB') })
      await expect(
        mariadb.openDump(target, subject, await dumpOf('mariadb-dump  Ver 10.19 Distrib 10.5.1-MariaDB')),
      ).rejects.toMatchObject({ code: 'tool.too-old' })
      const none = await contextIn(folder.path, { tools: createToolFinder({ path: '' }) })
      await expect(mariadb.openDump(target, subject, none)).rejects.toMatchObject({ code: 'tool.missing' })
    })

    it('a role that would leave things out in silence, naming what it lacks', async () => {
      await server.createDatabase('guarded')
      const poor = await server.createUser('poor', 'SELECT ON guarded.*')
      await expect(openDump({ ...target, ...poor }, 'guarded')).rejects.toMatchObject({
        code: 'database.privilege-missing',
        context: {
          missing: ['SHOW VIEW', 'TRIGGER', 'EVENT', expect.stringContaining('stored routines')],
        },
      })
    })
  })

  it('probes version, role, identity, clock, tools and privileges', async () => {
    await server.createDatabase('probed')
    const probe = await mariadb.probe(target, await context())
    expect(probe).toMatchObject({
      role: 'primary',
      missingPrivileges: [],
      serverVersion: expect.stringContaining('MariaDB'),
      evidence: [{ kind: 'mariadb-server-uid', value: expect.stringMatching(/.{20,}/) }],
      tools: { mariadb: expect.any(String), 'mariadb-dump': expect.stringContaining('MariaDB') },
    })
    expect(Math.abs(probe.clockOffsetMs)).toBeLessThan(5_000)
    const least = await server.createUser('least', 'SELECT, SHOW VIEW, TRIGGER, EVENT ON *.*')
    expect((await mariadb.probe({ ...target, ...least }, await context())).missingPrivileges).toEqual([])
  })

  it('lists every database with its size, none of the server itself', async () => {
    await server.createDatabase('listed')
    await server.sql(`CREATE TABLE t AS SELECT seq, REPEAT('x', 1000) AS pad FROM seq_1_to_500`, 'listed')
    await server.createDatabase('empty one')
    const found = await mariadb.inventory(target, await context())
    expect(found.map(one => one.name)).not.toContain('mysql')
    expect(found.find(one => one.name === 'listed')?.sizeBytes).toBeGreaterThan(100_000)
    expect(found.find(one => one.name === 'empty one')).toMatchObject({ sizeBytes: 0, connectable: true })
  })

  it('carries a hard schema, its data, history, code and the properties of its database', async () => {
    await server.sql(
      `CREATE DATABASE hard CHARACTER SET latin2 COLLATE latin2_czech_cs COMMENT 'it''s \\\\ hard'`,
    )
    await server.sql(await readFile(join(import.meta.dirname, 'mariadb-schema.sql'), 'utf8'), 'hard')
    const least = await server.createUser('dumper', 'SELECT, SHOW VIEW, TRIGGER, EVENT ON *.*')
    const backupTarget = { ...target, ...least }
    const { source, fileOf, session } = await dumpTo(
      folder.path,
      mariadb,
      backupTarget,
      'hard',
      await context(),
    )
    expect(session.warnings).toEqual([expect.stringContaining('table "old" has no transactions')])
    expect(session.requirements.roles).toHaveLength(1)
    const text = await readFile(fileOf('000-full'), 'utf8')
    const footer = session.streams[0]?.footer ?? /nothing/
    const tail = Buffer.from(text.slice(-4096))
    expect(() => demandFooter(tail, footer, 'dump')).not.toThrow()
    expect(() => demandFooter(Buffer.concat([tail, Buffer.from('more')]), footer, 'dump')).toThrow()

    await restoreFrom(mariadb, target, source, fileOf, 'hard copy', await context())

    const schemaOf = async (name: string) => {
      const args = [
        `--defaults-extra-file=${server.optionFile}`,
        `--host=${server.host}`,
        `--port=${server.port}`,
      ]
      const kinds = ['--no-data', '--routines', '--events', '--triggers', '--skip-comments']
      return (await run(join(server.bin, 'mariadb-dump'), [...args, ...kinds, name])).stdout
    }
    expect(await schemaOf('hard copy')).toBe(await schemaOf('hard'))
    const tables = ['customer', 'odd `name`/%é 漢', 'parent', 'child', 'parted', 'log', 'old', 'totals']
    for (const table of tables) {
      const sums = async (database: string) =>
        (await server.sql(`CHECKSUM TABLE ${ident(database)}.${ident(table)} EXTENDED`)).split('\t')[1]
      expect(await sums('hard copy'), table).toBe(await sums('hard'))
    }
    for (const query of [
      `SELECT id, HEX(name), HEX(blob_), bits + 0, at, doc, hidden FROM customer ORDER BY id`,
      `SELECT a, b, ROW_START, ROW_END FROM versioned FOR SYSTEM_TIME ALL ORDER BY ROW_START`,
      `SELECT @@collation_database`,
    ])
      expect(await server.sql(query, 'hard copy')).toBe(await server.sql(query, 'hard'))
    // Numbers that the original server kept in its cache are skipped, never given out twice
    expect(Number(await server.sql('SELECT NEXTVAL(tickets)', 'hard copy'))).toBeGreaterThan(100)
    expect(await server.sql(`SELECT COUNT(*) FROM versioned FOR SYSTEM_TIME ALL`, 'hard copy')).toBe('2')
    expect(
      await server.sql(
        `SELECT schema_comment FROM information_schema.schemata WHERE schema_name = 'hard copy'`,
      ),
    ).toBe(
      await server.sql(`SELECT schema_comment FROM information_schema.schemata WHERE schema_name = 'hard'`),
    )
  })

  it.each([
    ['spaces inside', 'two  words'],
    ['backticks', 'a`b``c'],
    ['quotes', `it's "q"`],
    ['slashes', 'a/b\\c//d'],
    ['percent and underscore', '100%_s'],
    ['equals', 'host=nowhere'],
    ['a leading dash', '-d'],
    ['a long option', '--help'],
    ['an URL', 'mysql://u:p@nowhere/x'],
    ['unicode', 'données 漢字'],
    ['upper case', 'MixedCASE'],
    ['64 characters', `${'é'.repeat(10)}${'x'.repeat(54)}`],
    ['line breaks and tabs', 'a\nb\tc\rd'],
    ['a carriage return and line feed', 'a\r\nb'],
    ['what readline takes for a line end', 'a\u2028b'],
    ['other control characters', '\x01\x07\x1b[31m\x7f'],
    ['shell syntax', '$(touch x); `id` && *?'],
    ['semicolons and comments', 'a; -- b /* c'],
  ])('backs up and restores a name with %s', async (_label, name) => {
    // By hexadecimal: the client would turn a carriage return and line feed into a line feed
    const hex = Buffer.from(ident(name)).toString('hex')
    await server.sql(`EXECUTE IMMEDIATE CONCAT('CREATE DATABASE ', CONVERT(X'${hex}' USING utf8mb4))`)
    await server.sql('CREATE TABLE t AS SELECT seq AS i FROM seq_1_to_10', name)
    const { source, fileOf } = await dumpTo(folder.path, mariadb, target, name, await context())
    const drop = `EXECUTE IMMEDIATE CONCAT('DROP DATABASE ', CONVERT(X'${hex}' USING utf8mb4))`
    await server.sql(drop)
    await restoreFrom(mariadb, target, source, fileOf, name, await context())
    expect(await server.sql('SELECT COUNT(*) FROM t', name)).toBe('10')
    expect(await names()).toContain(name)
    await server.sql(drop)
  })

  it('logs in with a password of every odd character, kept in 0600 files only', async () => {
    const password = `p#w"\\ 'x;=é\ttab`
    await server.sql(`CREATE USER odd@'127.0.0.1' IDENTIFIED BY '${password.replaceAll(/[\\']/g, '\\$&')}';
      GRANT ALL ON *.* TO odd@'127.0.0.1'`)
    const passwordFile = join(folder.path, 'odd-password')
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
    await server.createDatabase('secretive')
    const session = await openDump({ ...target, user: 'odd', passwordFile }, 'secretive')
    const [stream] = session.streams
    if (stream === undefined) throw new Error('no stream')
    expect(JSON.stringify(stream.command)).not.toContain('p#w')
    const file = stream.command.args[0]?.replace('--defaults-file=', '') ?? ''
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await runCommand(stream.command, {})).status).toBe(0)
  })

  it('says when the data was true, not later than the snapshot (P1), and at which GTID', async () => {
    await server.createDatabase('timed')
    const now = async () => Number(await server.sql('SELECT FLOOR(UNIX_TIMESTAMP(SYSDATE(3)) * 1000)'))
    const before = await now()
    const session = await openDump(target, 'timed')
    expect(session.dataAsOf).toBeGreaterThanOrEqual(before)
    expect(session.dataAsOf).toBeLessThanOrEqual(await now())
  })

  it('refuses the scope of a whole cluster, which this family does not have', async () => {
    await expect(mariadb.openDump(target, { scope: 'cluster' }, await context())).rejects.toMatchObject({
      code: 'request.invalid',
    })
  })

  describe('restore (J11)', () => {
    const dumped = async () => {
      await server.sql(`CREATE DATABASE IF NOT EXISTS orders; USE orders;
        CREATE TABLE IF NOT EXISTS orders.t (i INT PRIMARY KEY); INSERT IGNORE INTO orders.t SELECT seq FROM seq_1_to_1000`)
      return dumpTo(folder.path, mariadb, target, 'orders', await context())
    }

    it('refuses a target that exists, and leaves it alone', async () => {
      const { source } = await dumped()
      await expect(
        mariadb.openRestore(target, source, 'orders', attemptId(), await context()),
      ).rejects.toMatchObject({ code: 'restore.target-exists' })
      expect(await server.sql('SELECT COUNT(*) FROM orders.t')).toBe('1000')
    })

    it('refuses a second restore into the same target while the first lives', async () => {
      const { source } = await dumped()
      const first = await mariadb.openRestore(target, source, 'locked', attemptId(), await context())
      await expect(
        mariadb.openRestore(target, source, 'locked', attemptId('000000000002'), await context()),
      ).rejects.toMatchObject({ code: 'restore.target-locked' })
      await first.abandon()
      await first.close()
      const second = await mariadb.openRestore(target, source, 'locked', attemptId(), await context())
      await second.abandon()
      await second.close()
      expect(await names()).not.toContain('locked')
    })

    it('refuses a backup of the other engine and of a newer server', async () => {
      const { source } = await dumped()
      for (const engine of [
        { ...source.engine, kind: 'mysql' as const },
        { ...source.engine, server_version: '99.1.0-MariaDB' },
      ])
        await expect(
          mariadb.openRestore(target, { ...source, engine }, 'elsewhere', attemptId(), await context()),
        ).rejects.toMatchObject({ code: 'restore.requirement-missing' })
      expect(await names()).not.toContain('elsewhere')
    })

    it('names the definers that the server lacks, and goes on without them when ownership is discarded', async () => {
      await server.sql(
        `CREATE DATABASE defined; CREATE USER author; CREATE DEFINER = author VIEW defined.v AS SELECT 1 AS one`,
      )
      const { source, fileOf } = await dumpTo(folder.path, mariadb, target, 'defined', await context())
      await server.sql('DROP USER author; DROP DATABASE defined')
      await expect(
        mariadb.openRestore(target, source, 'defined', attemptId(), await context()),
      ).rejects.toMatchObject({
        code: 'restore.requirement-missing',
        context: { missing: ['account "author@%"'] },
      })
      const session = await restoreFrom(
        mariadb,
        target,
        { ...source, ownership: 'discard' },
        fileOf,
        'defined',
        await context(),
      )
      expect(session.warnings).toContainEqual(expect.stringContaining('author@%'))
    })

    it('cleans up after an abort: sessions end at once, abandon still drops what was half restored', async () => {
      const { source } = await dumped()
      const stop = new AbortController()
      const session = await mariadb.openRestore(
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
      expect(await names()).not.toContain('aborted')
    })

    it('does not commit when its lock was lost', async () => {
      const { source } = await dumped()
      const session = await mariadb.openRestore(target, source, 'orphan', attemptId(), await context())
      const id = await server.sql(
        `SELECT id FROM information_schema.processlist WHERE command = 'Sleep' AND user = 'root' ORDER BY id DESC LIMIT 1`,
      )
      await server.sql(`KILL ${id}`)
      await expect(session.commit()).rejects.toMatchObject({ code: 'database.conflict' })
      await session.abandon()
      await session.close()
      expect(await names()).not.toContain('orphan')
    })

    it('fails on a broken statement, says which, and shows no row of data', async () => {
      const { source } = await dumped()
      const session = await mariadb.openRestore(target, source, 'broken', attemptId(), await context())
      const file = join(folder.path, 'broken.sql')
      await writeFile(
        file,
        `CREATE TABLE t (a INT);\nINSERT INTO nowhere VALUES ('secret row');\nSELECT 1;\n`,
      )
      const ended = await runCommand(session.consumer('000-full'), { stdin: file })
      await session.abandon()
      await session.close()
      expect(ended.status).toBe(1)
      const failure = session.diagnose('000-full', ended.stderr)
      expect(failure?.toFailure()).toMatchObject({ context: { detail: expect.stringContaining('line 2') } })
      expect(JSON.stringify(failure?.toFailure())).not.toContain('secret row')
    })

    it('runs no client command that lies in a dump', async () => {
      const { source } = await dumped()
      const session = await mariadb.openRestore(target, source, 'hostile', attemptId(), await context())
      const file = join(folder.path, 'hostile.sql')
      const proof = join(folder.path, 'proof')
      await writeFile(file, `CREATE TABLE t (a TEXT);\n\\! touch ${proof}\nsystem touch ${proof}\n`)
      await runCommand(session.consumer('000-full'), { stdin: file })
      await expect(stat(proof)).rejects.toMatchObject({ code: 'ENOENT' })
      await session.abandon()
      await session.close()
    })
  })

  it('says what a failed dump means: a database dropped in between', async () => {
    await server.createDatabase('vanishing')
    const session = await openDump(target, 'vanishing')
    const [stream] = session.streams
    if (stream === undefined) throw new Error('no stream')
    await server.sql('DROP DATABASE vanishing')
    const ended = await runCommand(stream.command, {})
    expect(ended.status).not.toBe(0)
    expect(session.diagnose(stream, ended.stderr)?.code).toBe('database.gone')
  })

  it('leaves no session behind', async () => {
    const left = () =>
      server.sql(
        `SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user <> 'system user' AND command <> 'Daemon'`,
      )
    await waitUntil(async () => (await left()) === '0', { what: 'our sessions to end' })
  })
})
