import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import type { SqliteDatabase, SqliteStatement } from 'kysely'

const cachedStatements = 500

/**
 * node:sqlite in the shape that Kysely's dialect wants. Parameters are checked: node:sqlite takes an object as
 * first parameter for named ones and stores a corrupt row without an error (facts-runtime B2). Transactions of
 * the writer begin `immediate`: a deferred one would find out at its first write that another was faster.
 */
export function nodeSqlite(path: string, options: { readonly readOnly: boolean }): SqliteDatabase {
  const db = new DatabaseSync(path, {
    readOnly: options.readOnly,
    enableForeignKeyConstraints: true,
    timeout: 5_000,
  })
  if (!options.readOnly)
    db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 20000')
  const cache = new Map<string, SqliteStatement>()
  return {
    close: () => {
      cache.clear()
      if (db.isOpen) db.close()
    },
    prepare: text => {
      const sql = text === 'begin' && !options.readOnly ? 'begin immediate' : text
      const cached = cache.get(sql)
      if (cached !== undefined) return cached
      const statement = adapt(db.prepare(sql))
      cache.set(sql, statement)
      if (cache.size > cachedStatements) {
        const [oldest] = cache.keys()
        if (oldest !== undefined) cache.delete(oldest)
      }
      return statement
    },
  }
}

function adapt(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: parameters => statement.all(...bindable(parameters)),
    run: parameters => statement.run(...bindable(parameters)),
    iterate: parameters => statement.iterate(...bindable(parameters)),
  }
}

function bindable(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters.map(value => {
    if (
      value === null ||
      typeof value === 'string' ||
      typeof value === 'number' ||
      typeof value === 'bigint' ||
      value instanceof Uint8Array
    )
      return value
    throw new TypeError(`cannot bind ${typeof value}`)
  })
}
