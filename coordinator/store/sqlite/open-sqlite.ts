import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { Kysely, type SqliteDatabase, SqliteDialect, sql } from 'kysely'
import type { Log } from '../../../shared/log/index.ts'
import type { Backend, Dialect } from '../dialect.ts'
import type { Schema } from '../schema.ts'
import type { Row, Session, Statement } from '../session.ts'
import { unavailable } from '../store-error.ts'
import { Checkpointer } from './checkpointer.ts'
import { holdFileLock } from './file-lock.ts'
import { nodeSqlite } from './node-sqlite.ts'

/** What SQLite is like. The file lock makes the holder sole; time is this process's. */
export const sqliteDialect: Dialect = {
  kind: 'sqlite',
  rowLocks: false,
  soleHolder: true,
  blocking: true,
  types: {
    key: 'text',
    text: 'text',
    int: 'integer',
    bytes: 'blob',
    serial: 'integer primary key autoincrement',
    tableEnd: 'strict',
  },
  now: wall => sql<number>`${sql.val(wall)}`,
  beforeMigration: [],
}

/** The file that is locked for a store's life: `holdfast.db` → `holdfast.lock`. */
export function lockPathOf(path: string): string {
  return `${path.replace(/\.[^./]+$/, '')}.lock`
}

/**
 * Opens the file, made with its folder for this user only when it is not there, and takes its lock. In memory
 * (`:memory:`) there is no lock, and reads go through the writer's connection.
 *
 * @throws AppError `store.locked`, `store.unavailable`
 */
export function openSqlite(path: string, log: Log): Backend {
  if (path === ':memory:') return openMemory()
  const undo: (() => void)[] = []
  try {
    makeFolder(dirname(path))
    const lock = holdFileLock(lockPathOf(path))
    undo.push(() => lock.release())
    // Not before the lock: closing any descriptor of an open database drops this process's locks on it
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
    const writer = nodeSqlite(path, { readOnly: false })
    undo.push(() => writer.close())
    const reader = nodeSqlite(path, { readOnly: true })
    undo.push(() => reader.close())
    const checkpointer = new Checkpointer(path, log)
    const db = kyselyOn(writer)
    return {
      dialect: sqliteDialect,
      db,
      readers: kyselyOn(reader),
      session: sessions(db, writer),
      migrating: work => work(db),
      committed: steps => checkpointer.committed(steps),
      close: async () => {
        await checkpointer.close()
        for (const step of undo.reverse()) step()
      },
    }
  } catch (thrown) {
    for (const step of undo.reverse()) step()
    throw unavailable(thrown, { path })
  }
}

/** One by one: with `recursive`, Node loops for ever below /proc and its like. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path, { mode: 0o700 })
}

function openMemory(): Backend {
  const database = nodeSqlite(':memory:', { readOnly: false })
  const db = kyselyOn(database)
  return {
    dialect: sqliteDialect,
    db,
    readers: db,
    session: sessions(db, database),
    migrating: work => work(db),
    committed: () => {},
    close: async () => database.close(),
  }
}

function kyselyOn(database: ReturnType<typeof nodeSqlite>): Kysely<Schema> {
  return new Kysely<Schema>({ dialect: new SqliteDialect({ database }) })
}

/** The one connection, for one at a time: whoever else asks Kysely for it waits. */
function sessions(db: Kysely<Schema>, database: SqliteDatabase): Backend['session'] {
  const run = async ({ sql: text, parameters }: Pick<Statement, 'sql' | 'parameters'>) => {
    const statement = database.prepare(text)
    if (statement.reader) return statement.all(parameters) as readonly Row[]
    statement.run(parameters)
    return []
  }
  const plain = async (text: string) => {
    await run({ sql: text, parameters: [] })
  }
  return work =>
    db.connection().execute(q => {
      const session: Session = {
        q,
        pipelined: false,
        run,
        begin: () => plain('begin'),
        commit: () => plain('commit'),
        rollback: () => plain('rollback'),
      }
      return work(session)
    })
}
