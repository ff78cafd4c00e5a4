import type { Compilable } from 'kysely'
import type { Database } from './schema.ts'
import type { Row, Session, Statement } from './session.ts'

/** Stands for a value while a statement is compiled. */
class Slot {
  readonly row: number
  readonly name: string

  constructor(row: number, name: string) {
    this.row = row
    this.name = name
  }
}

interface Compiled {
  readonly sql: string
  readonly parameters: readonly unknown[]
  readonly name: string
}

let names = 0

/**
 * A statement that is built and compiled once for each database, instead of each time it runs: that takes longer than
 * SQLite takes to run it. What changes from run to run is `Given`; everything else is part of the statement.
 */
export class Prepared<Given extends object, R> {
  readonly #names: readonly string[]
  readonly #build: (db: Database, rows: readonly Given[]) => Compilable<R>
  readonly #compiled = new Map<string, Compiled>()

  constructor(
    names: readonly (keyof Given & string)[],
    build: (db: Database, rows: readonly Given[]) => Compilable<R>,
  ) {
    this.#names = names
    this.#build = build
  }

  /** @param kind of the database: each writes its own SQL */
  run(session: Session, kind: string, rows: readonly Given[]): Promise<readonly R[]> {
    return session.run(this.#statement(session, kind, rows)) as Promise<readonly (Row & R)[]>
  }

  #statement(session: Session, kind: string, rows: readonly Given[]): Statement {
    const key = `${kind}${rows.length}`
    let compiled = this.#compiled.get(key)
    if (compiled === undefined) {
      compiled = this.#compile(session.q, rows.length)
      this.#compiled.set(key, compiled)
    }
    const { sql, parameters, name } = compiled
    return {
      sql,
      name,
      parameters: parameters.map(each =>
        each instanceof Slot ? (rows[each.row] as Record<string, unknown>)[each.name] : each,
      ),
    }
  }

  #compile(db: Database, count: number): Compiled {
    const rows = Array.from(
      { length: count },
      (_, row) => Object.fromEntries(this.#names.map(name => [name, new Slot(row, name)])) as Given,
    )
    const { sql, parameters } = this.#build(db, rows).compile()
    return { sql, parameters, name: `holdfast_${++names}` }
  }
}

/** A statement with the values it is given, by name. */
export function prepared<Given extends object, R>(
  names: readonly (keyof Given & string)[],
  build: (db: Database, given: Given) => Compilable<R>,
): Prepared<Given, R> {
  return new Prepared<Given, R>(names, (db, [given]) => build(db, given as Given))
}

/** Rows of a statement of many: few sizes, so that few statements are kept parsed. */
export const sizes = [10, 1] as const

/** Cuts rows into pieces of those sizes, in order. */
export function pieces<T>(rows: readonly T[]): readonly (readonly T[])[] {
  const cut: T[][] = []
  for (let at = 0; at < rows.length; ) {
    const size = sizes.find(each => at + each <= rows.length) ?? 1
    cut.push(rows.slice(at, at + size))
    at += size
  }
  return cut
}
