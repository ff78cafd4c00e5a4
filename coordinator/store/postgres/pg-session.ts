import { Kysely, PostgresDialect } from 'kysely'
import type { Schema } from '../schema.ts'
import type { Row, Session } from '../session.ts'
import type { GuardedClient, GuardedPool } from './guarded-pool.ts'

/**
 * Gives `work` a connection of its own. What went wrong between us and the server throws the connection away, so that
 * nothing half done waits on it for the next.
 */
export async function pgSession<T>(pool: GuardedPool, work: (session: Session) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let torn = false
  let q: Kysely<Schema> | undefined
  const send = async (text: string) => {
    const { command } = await client.send(text, [])
    // the answer to a commit of what had failed before
    if (text === 'commit' && command === 'ROLLBACK')
      throw new Error('the server rolled back instead of committing')
  }
  try {
    return await work({
      get q() {
        q ??= kyselyOn(client)
        return q
      },
      pipelined: true,
      run: async ({ sql, parameters, name }) =>
        (await client.send(sql, parameters, name)).rows as readonly Row[],
      begin: () => send('begin'),
      commit: () => send('commit'),
      rollback: async () => {
        // thrown away should this not be answered
        torn = true
        await send('rollback')
        torn = false
      },
    })
  } finally {
    client.release(torn)
  }
}

function kyselyOn(client: GuardedClient): Kysely<Schema> {
  const only = { query: client.query, release: () => {} }
  return new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: { options: {}, connect: async () => only, end: async () => {} } }),
  })
}
