import type { DatabaseFacts, EngineContext, InstanceTarget } from '../port.ts'
import { maintenanceDatabaseOf } from './probe.ts'
import { type PostgresSession, withSession } from './session.ts'

interface DatabaseRow {
  readonly oid: string
  readonly name: string
  readonly connectable: boolean
  readonly size: string | null
}

/** Walking every file of a server with many relations takes its time. */
const sizesTimeoutMs = 10 * 60_000

/** See the port. Template databases are left out; a database on its way out has size 0 rather than an error. */
export async function inventory(
  target: InstanceTarget,
  context: EngineContext,
): Promise<readonly DatabaseFacts[]> {
  const options = { purpose: 'inventory', signal: context.signal, statementTimeoutMs: sizesTimeoutMs }
  return withSession(target, maintenanceDatabaseOf(target), options, async session => {
    const rows = await readDatabases(session)
    return rows.map(row => ({
      name: row.name,
      sizeBytes: Number(row.size ?? 0),
      connectable: row.connectable,
      evidence: [{ kind: 'postgres-oid', value: row.oid }],
    }))
  })
}

/** `datconnlimit = -2` marks a database whose DROP was interrupted: nothing can connect to it any more. */
const listing = `select d.oid::text as oid, d.datname::text as name,
                        d.datallowconn and d.datconnlimit <> -2 as connectable`

/** The hidden name of a restore under way is no database of anybody: it is renamed when complete, else dropped. */
const counted = `not d.datistemplate and d.datname::text !~ '__restoring_[0-9a-zA-Z]{12}$'`

async function readDatabases(session: PostgresSession): Promise<readonly DatabaseRow[]> {
  try {
    return await session.query<DatabaseRow>(
      `${listing}, case when has_database_privilege(d.oid, 'CONNECT')
                          or pg_has_role('pg_read_all_stats', 'USAGE')
                     then pg_database_size(d.oid) end::text as size
         from pg_database d where ${counted} order by d.datname`,
    )
  } catch (thrown) {
    // One database dropped while it was measured fails the whole statement: measure each by itself.
    const rows = await session.query<Omit<DatabaseRow, 'size'>>(
      `${listing} from pg_database d where ${counted} order by d.datname`,
    )
    const sized: DatabaseRow[] = []
    let failures = 0
    for (const row of rows) {
      const size = await session
        .query<{ size: string | null }>('select pg_database_size($1::oid)::text as size', [row.oid])
        .catch(() => {
          failures += 1
          return []
        })
      sized.push({ ...row, size: size[0]?.size ?? null })
    }
    // Not one answered: that is no race with a DROP.
    if (rows.length > 0 && failures === rows.length) throw thrown
    return sized
  }
}
