import type { Database } from './schema.ts'

/** One statement as the database takes it. */
export interface Statement {
  readonly sql: string
  readonly parameters: readonly unknown[]
  /** One that comes again and again: the server keeps it parsed under this name. */
  readonly name?: string
}

export type Row = Readonly<Record<string, unknown>>

/** The writer's connection for one transaction: nobody else uses it until it is given back. */
export interface Session {
  /** Builds and runs what is seldom wanted. */
  readonly q: Database
  /**
   * Statements are sent before the former ones were answered, in order: a writer need not wait for what it does not
   * want to know. Otherwise each is done when `run` returns.
   */
  readonly pipelined: boolean
  run(statement: Statement): Promise<readonly Row[]>
  begin(): Promise<void>
  /** Rejects, too, when the server rolled back instead. */
  commit(): Promise<void>
  rollback(): Promise<void>
}

const savepoints = {
  set: { sql: 'savepoint step', parameters: [] },
  release: { sql: 'release savepoint step', parameters: [] },
  undo: { sql: 'rollback to savepoint step', parameters: [] },
} as const satisfies Readonly<Record<string, Statement>>

/** Begins what can be undone alone; ended by `release`, after `undo` or without. */
export function savepoint(session: Session, what: keyof typeof savepoints): Promise<unknown> {
  return session.run(savepoints[what])
}

/**
 * Does one after the other; on a pipelined session all are on their way at once. Either way every one is over when
 * it returns, and the first that failed is what it rejects with.
 */
export async function inOrder(session: Session, works: readonly (() => Promise<unknown>)[]): Promise<void> {
  if (!session.pipelined) {
    for (const work of works) await work()
    return
  }
  for (const result of await Promise.allSettled(works.map(work => work())))
    if (result.status === 'rejected') throw result.reason
}
