import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineFor } from '../../../agent/engines/index.ts'
import { countRows } from '../../../agent/engines/mysql/counts.ts'
import { dialects } from '../../../agent/engines/mysql/dialect.ts'
import { withSession } from '../../../agent/engines/mysql/session.ts'
import type { DumpSession, InstanceTarget } from '../../../agent/engines/port.ts'
import { childEnvironment } from '../../../agent/process/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import type { CensusCounts } from '../../../shared/model/census.ts'
import {
  type MariadbServer,
  requireServers,
  startMariadb,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../../harness/index.ts'
import { contextIn, restoreFrom, sourceOf } from './round-trip.ts'

const servers = await requireServers('the census of MariaDB', 'mariadb')
const mariadb = engineFor('mariadb')
const subject = (name: string) => ({ scope: 'database', name }) as const
const never = new AbortController().signal
/** All a backup needs; see docs/reference/least-privilege.md. */
const least = 'SELECT, SHOW VIEW, TRIGGER, EVENT ON *.*'
const ident = (name: string) => `\`${name.replaceAll('`', '``')}\``
const kinds = ['views', 'functions', 'procedures', 'packages', 'triggers', 'events', 'indexes']

describe.skipIf(servers.missing)('the census of MariaDB', () => {
  let server: MariadbServer
  let unlogged: MariadbServer
  let folder: TemporaryFolder
  let target: InstanceTarget

  beforeAll(async () => {
    ;[server, unlogged] = await Promise.all([
      startMariadb(),
      startMariadb({ settings: { 'skip-log-bin': '1' } }),
    ])
    folder = await temporaryFolder('mariadb-census')
    target = targetOf(server)
  })
  afterAll(async () => {
    await Promise.all([server?.stop(), unlogged?.stop()])
    await folder?.remove()
  })

  const targetOf = (of: MariadbServer): InstanceTarget => ({
    ...{ engine: 'mariadb', host: of.host, port: of.port, user: of.user, passwordFile: of.passwordFile },
  })
  const context = () => contextIn(folder.path, { bin: server.bin })
  const open = async (name: string, at = target) =>
    mariadb.openDump(at, subject(name), await context(), { census: true })
  const count = async (name: string, at = target) => mariadb.count?.(at, name, await context())

  /** Runs the streams into files as the pipeline does, and counts beside them. */
  async function dump(
    session: DumpSession,
    options: { readonly before?: () => Promise<void>; readonly beforeHead?: () => Promise<void> } = {},
  ) {
    const base = await mkdtemp(join(folder.path, 'dump-'))
    const fileOf = (stream: string) => join(base, stream)
    const counting = session.census?.(never)
    counting?.catch(() => undefined)
    await options.before?.()
    for (const stream of session.streams) {
      const child = spawn(stream.command.program, stream.command.args, {
        env: childEnvironment(stream.command.env),
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let stderr = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text
      })
      const held: Buffer[] = []
      child.stdout.on('data', (chunk: Buffer) => {
        if (options.beforeHead === undefined) stream.tap?.take(chunk)
        else held.push(chunk)
      })
      child.stdout.pipe(createWriteStream(fileOf(stream.name)))
      expect(await new Promise(resolve => child.on('close', resolve))).toBe(0)
      await options.beforeHead?.()
      for (const chunk of held) stream.tap?.take(chunk)
      await session.verify(stream, stderr)
    }
    await session.account?.()
    return { census: await counting, fileOf }
  }

  /** Dumps a database, restores it beside itself, and counts both. */
  async function roundTrip(name: string, at = target) {
    const session = await open(name, at)
    const { census, fileOf } = await dump(session)
    await session.close()
    const into = `${name}2`
    await restoreFrom(mariadb, at, sourceOf(session, name), fileOf, into, await context())
    return { census, session, restored: await count(into, at) }
  }

  const comparable = (counts: CensusCounts | undefined) => ({
    tables: counts?.tables,
    objects: counts?.objects,
    skipped: counts?.skipped,
  })

  it('counts every kind of table and object as its restored copy has them, odd names too', async () => {
    await server.createDatabase('hard')
    const odd = ['a`b', 'leading -dash', '数据', 'q\'u"o\\te', 'a.b', '%_']
    await server.sql(
      `${odd.map((name, index) => `CREATE TABLE ${ident(name)} AS SELECT seq FROM seq_1_to_${index + 1};`).join('')}
       CREATE TABLE versioned (i int PRIMARY KEY) WITH SYSTEM VERSIONING;
       INSERT INTO versioned VALUES (1), (2); UPDATE versioned SET i = 3 WHERE i = 2; DELETE FROM versioned WHERE i = 1;
       CREATE TABLE parts (i int PRIMARY KEY, k int, KEY (k)) PARTITION BY HASH (i) PARTITIONS 3;
       INSERT INTO parts SELECT seq, seq FROM seq_1_to_7;
       CREATE TABLE empty (i int);
       CREATE TABLE my (i int) ENGINE=MyISAM; INSERT INTO my VALUES (1);
       CREATE TABLE aria (i int) ENGINE=Aria; CREATE TABLE memory (i int) ENGINE=MEMORY;
       CREATE SEQUENCE up; DO NEXTVAL(up); CREATE SEQUENCE down INCREMENT -2 MAXVALUE 100 START 50; DO NEXTVAL(down);
       CREATE SEQUENCE round START 1 MAXVALUE 3 CYCLE;
       CREATE VIEW v AS SELECT * FROM parts; CREATE VIEW w AS SELECT * FROM v;
       CREATE FUNCTION f() RETURNS int NO SQL RETURN 1; CREATE PROCEDURE p() SELECT 1;
       CREATE TRIGGER t BEFORE INSERT ON empty FOR EACH ROW SET NEW.i = 1;
       CREATE EVENT ever ON SCHEDULE EVERY 1 DAY DO DELETE FROM empty;
       CREATE EVENT once ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 1 DAY DO DELETE FROM empty;`,
      'hard',
    )
    const { census, session, restored } = await roundTrip('hard')
    expect(session.warnings).toEqual([
      ...['aria', 'memory', 'my'].map(name => expect.stringContaining(JSON.stringify(name))),
    ])
    expect(comparable(census)).toEqual(comparable(restored))
    expect(Object.fromEntries(census?.tables.map(({ name, rows }) => [name, rows]) ?? [])).toEqual({
      ...Object.fromEntries(odd.map((name, index) => [name, String(index + 1)])),
      ...{ versioned: '3', parts: '7', empty: '0' },
    })
    expect(census?.objects).toEqual({
      ...{ views: 2, functions: 1, procedures: 1, packages: 0, triggers: 1, events: 1, indexes: 3 },
    })
    expect(Object.keys(census?.objects ?? {}).sort()).toEqual([...kinds].sort())
    expect(census?.skipped.map(({ name }) => name)).toEqual(['aria', 'memory', 'my', 'round'])
    expect(census?.sequences).toEqual([
      { name: 'down', last: expect.stringMatching(/^-\d+$/), descending: true },
      { name: 'up', last: '1001' },
    ])
    expect(restored?.sequences).toEqual(census?.sequences)
  })

  it('holds under writers what the dump holds, whoever commits meanwhile', async () => {
    await server.createDatabase('busy')
    await server.sql(
      `CREATE TABLE t (i bigint AUTO_INCREMENT PRIMARY KEY, pad char(200)); INSERT INTO t (pad) SELECT 'x' FROM seq_1_to_2000`,
      'busy',
    )
    const writer = writing(server, 'busy', 'INSERT INTO t (pad) VALUES (NOW(6)); DO SLEEP(0.02)')
    try {
      let proven = 0
      for (let tries = 0; tries < 8 && proven < 2; tries++) {
        const { census, session, restored } = await roundTrip('busy')
        await server.sql('DROP DATABASE busy2')
        if (census === undefined) expect(session.warnings).toEqual([expect.stringContaining('no census')])
        else {
          proven++
          expect(comparable(census)).toEqual(comparable(restored))
        }
      }
      expect(proven).toBe(2)
    } finally {
      await writer.stop()
    }
  })

  it('says nothing of a dump whose snapshot is none of those it has', async () => {
    await server.createDatabase('late')
    await server.sql('CREATE TABLE t (i int AUTO_INCREMENT PRIMARY KEY)', 'late')
    const session = await open('late')
    // the news of the tool's position comes after so many changes that its snapshot is not kept any more
    const beforeHead = async () => {
      for (let row = 0; row < 12; row++) await server.sql('INSERT INTO t VALUES ()', 'late')
    }
    const { census } = await dump(session, { beforeHead })
    await session.close()
    expect(census).toBeUndefined()
    expect(session.warnings).toEqual([expect.stringMatching(/no census.*others changed too much/)])
  })

  describe('without a binary log', () => {
    it('is proven by a server that stands still, with the least privileges', async () => {
      await unlogged.createDatabase('still')
      await unlogged.sql('CREATE TABLE t AS SELECT seq FROM seq_1_to_42', 'still')
      const role = await unlogged.createUser('least', least)
      const session = await open('still', { ...targetOf(unlogged), ...role })
      // committed after the first snapshot and before the tool starts: it is taken anew
      const before = async () => {
        await unlogged.sql('INSERT INTO t VALUES (43)', 'still')
      }
      const { census } = await dump(session, { before })
      await session.close()
      // our own login for that statement may be the tool's for all it knows: then it says nothing
      if (census === undefined) expect(session.warnings).toEqual([expect.stringContaining('no census')])
      else expect(census.tables).toEqual([{ name: 't', rows: '43' }])
    })

    it('is not told when a commit comes between its snapshot and the news of the dump', async () => {
      await unlogged.createDatabase('between')
      await unlogged.sql('CREATE TABLE t (i int)', 'between')
      const session = await open('between', targetOf(unlogged))
      const beforeHead = async () => {
        await unlogged.sql('INSERT INTO t VALUES (1)', 'between')
      }
      const { census } = await dump(session, { beforeHead })
      await session.close()
      expect(census).toBeUndefined()
      expect(session.warnings).toEqual([expect.stringMatching(/no census.*others changed too much/)])
    })
  })

  it('asks nothing of the dump tool that was not asked for, and works without the right to read the log', async () => {
    await server.createDatabase('poor')
    await server.sql('CREATE TABLE t AS SELECT 1 AS i', 'poor')
    const role = await server.createUser('least', least)
    const at = { ...target, ...role }
    const plain = await mariadb.openDump(at, subject('poor'), await context())
    expect(plain.census).toBeUndefined()
    expect(plain.streams[0]?.tap).toBeUndefined()
    await plain.close()
    const session = await open('poor', at)
    expect(session.streams[0]?.command.args).not.toContain('--master-data=2')
    expect((await dump(session)).census?.tables).toEqual([{ name: 't', rows: '1' }])
    await session.close()
    await server.sql('GRANT BINLOG MONITOR ON *.* TO least')
    const logged = await open('poor', at)
    expect(logged.streams[0]?.command.args).toContain('--master-data=2')
    expect((await dump(logged)).census?.tables).toEqual([{ name: 't', rows: '1' }])
    await logged.close()
    // an account with few sessions keeps them for dumps
    await server.sql('ALTER USER least WITH MAX_USER_CONNECTIONS 3')
    const few = await open('poor', at)
    expect((await dump(few)).census).toBeUndefined()
    expect(few.warnings).toEqual([expect.stringMatching(/no census.*3 sessions only/)])
    await few.close()
  })

  it('leaves out what was made or dropped while the dump ran', async () => {
    await server.createDatabase('moving')
    await server.sql('CREATE TABLE kept AS SELECT 1 AS i; CREATE VIEW v AS SELECT 1 AS i', 'moving')
    const session = await open('moving')
    const { census } = await dump(session, {
      beforeHead: async () => {
        await server.sql('CREATE TABLE made (i int, KEY (i)); DROP VIEW v', 'moving')
      },
    })
    await session.close()
    expect(census?.tables).toEqual([{ name: 'kept', rows: '1' }])
    expect(census?.skipped.map(({ name }) => name)).toEqual(['made', '(views)', '(indexes)'])
  })

  it('keeps nobody from altering a table it has counted, where the server lets go of one', async () => {
    // with a binary log MariaDB keeps the lock until the transaction ends, as it does for its own dump tool
    await unlogged.createDatabase('altered')
    await unlogged.sql('CREATE TABLE t AS SELECT 1 AS i', 'altered')
    await withSession(targetOf(unlogged), dialects.mariadb, await context(), {}, async session => {
      await session.run('START TRANSACTION WITH CONSISTENT SNAPSHOT')
      const tables = [{ name: 't', history: false }]
      expect(await countRows(session, 'altered', tables)).toEqual([{ name: 't', rows: '1' }])
      const alter = 'SET SESSION lock_wait_timeout = 1; ALTER TABLE t ADD COLUMN j int, FORCE'
      await unlogged.sql(alter, 'altered')
      // the table is younger than the snapshot now: said, never a wrong count
      await expect(countRows(session, 'altered', tables)).rejects.toMatchObject({ code: 'database.conflict' })
    })
  })

  it('is ended by its signal, and leaves no session behind', async () => {
    await server.createDatabase('ended')
    const session = await open('ended')
    const stop = new AbortController()
    const counting = session.census?.(stop.signal)
    stop.abort(new AppError('interrupted'))
    await expect(counting).rejects.toMatchObject({ code: 'interrupted' })
    await session.close()
    const others =
      "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'root' AND id <> CONNECTION_ID()"
    await waitUntil(async () => (await server.sql(others)) === '0', {
      what: 'the sessions of an ended census to go',
    })
  })
})

/** Repeats a statement until it is stopped. */
function writing(server: MariadbServer, database: string, statement: string) {
  let stopped = false
  const done = (async () => {
    while (!stopped) await server.sql(Array(20).fill(statement).join(';'), database)
  })()
  return {
    stop: async () => {
      stopped = true
      await done
    },
  }
}
