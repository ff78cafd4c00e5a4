import type { PostgresPool, PostgresPoolClient } from 'kysely'
import pg from 'pg'
import type { Log } from '../../../shared/log/index.ts'

/** A client whose statements may have a name, by which the server keeps them parsed. */
export interface GuardedClient extends PostgresPoolClient {
  send(text: string, parameters: readonly unknown[], name?: string): Promise<pg.QueryResult>
}

export interface GuardedPool extends PostgresPool {
  connect(): Promise<GuardedClient>
}

/**
 * A pool that survives its server. Idle *and* checked-out clients have an error handler: without the second, a
 * leader that was stopped and whose session the server ended dies when it wakes (facts-runtime B1). A connection
 * on which anything but the server's own answer went wrong is asked nothing more and thrown away.
 */
export function guardedPool(pool: pg.Pool, log: Log): GuardedPool {
  pool.on('error', error => log.warn('an idle connection to the store ended', { error }))
  pool.on('connect', client => {
    client.on('error', error => log.warn('a connection to the store ended', { error }))
    // An answered commit is on disk, whatever the server's default; queued before the first query
    client
      .query(
        `select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`,
      )
      .catch(() => undefined)
  })
  return {
    options: {},
    connect: async () => guardedClient(await pool.connect()),
    end: () => pool.end(),
  }
}

function guardedClient(client: pg.PoolClient): GuardedClient {
  let broken: Error | undefined
  const send = async (text: string, parameters: readonly unknown[], name?: string) => {
    if (broken !== undefined) throw broken
    try {
      const values = [...parameters]
      return await client.query(name === undefined ? { text, values } : { text, values, name })
    } catch (thrown) {
      if (!(thrown instanceof pg.DatabaseError))
        broken = thrown instanceof Error ? thrown : new Error(String(thrown))
      throw thrown
    }
  }
  return {
    send,
    query: send as unknown as PostgresPoolClient['query'],
    release: destroy => client.release(destroy === true || broken !== undefined),
  }
}
