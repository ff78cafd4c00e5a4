import type { RawBuilder } from 'kysely'
import type { Millis } from '../../shared/time/index.ts'
import type { Database } from './schema.ts'
import type { Session } from './session.ts'

/** Words of the column types, so that one migration serves both databases. */
export interface ColumnTypes {
  /** Text that is compared and sorted: by bytes, equal on both. */
  readonly key: string
  readonly text: string
  readonly int: string
  readonly bytes: string
  /** A number given out by the database, as primary key. */
  readonly serial: string
  /** After the closing bracket of `create table`. */
  readonly tableEnd: string
}

/** What differs between the databases, as data (no `if (kind === …)` elsewhere). */
export interface Dialect {
  readonly kind: 'sqlite' | 'postgres'
  /** The fence reads the leader row `for share`; without row locks, `begin immediate` is the lock. */
  readonly rowLocks: boolean
  /** Something besides the leader row makes this process the only one (SQLite: the lock file). */
  readonly soleHolder: boolean
  /** Statements run on the event loop, so a batch must be short. */
  readonly blocking: boolean
  readonly types: ColumnTypes
  /** The server's own clock in milliseconds; `wall` is this process's, for databases without one. */
  now(wall: Millis): RawBuilder<number>
  /** First statements of a migration's transaction: one migrator at a time, no time-outs. */
  readonly beforeMigration: readonly string[]
}

/** An opened database: the writer's connection, the readers', and how to let go of both. */
export interface Backend {
  readonly dialect: Dialect
  readonly db: Database
  readonly readers: Database
  /** Runs `work` on a connection of its own, which no other statement gets meanwhile. */
  session<T>(work: (session: Session) => Promise<T>): Promise<T>
  /** Runs a migration, on a connection that may take its time. */
  migrating<T>(work: (db: Database) => Promise<T>): Promise<T>
  /** After every committed batch of so many steps, for upkeep. */
  committed(steps: number): void
  close(): Promise<void>
}
