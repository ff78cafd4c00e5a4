import type { DatabaseFacts, EngineContext, InstanceTarget } from '../port.ts'
import type { Dialect } from './dialect.ts'
import { notSystem, readServerFacts } from './server.ts'
import { withSession } from './session.ts'

/** Statistics of very many tables take their time. */
const sizesTimeoutMs = 10 * 60_000

/** See the port. Sizes are the server's own estimate of data and indexes; an empty database has 0. */
export async function inventory(
  target: InstanceTarget,
  dialect: Dialect,
  context: EngineContext,
): Promise<readonly DatabaseFacts[]> {
  return withSession(target, dialect, context, { statementTimeoutMs: sizesTimeoutMs }, async session => {
    await readServerFacts(session, dialect)
    const rows = await session.rows<{ name: string; size: number | null }>(
      `SELECT JSON_OBJECT('name', s.schema_name, 'size', CAST(COALESCE(SUM(t.data_length + t.index_length), 0) AS UNSIGNED))
         FROM information_schema.schemata s LEFT JOIN information_schema.tables t ON t.table_schema = s.schema_name
        WHERE s.schema_name ${notSystem} GROUP BY s.schema_name ORDER BY s.schema_name`,
    )
    // These servers give a database no identity beside its name.
    return rows.map(row => ({ name: row.name, sizeBytes: row.size ?? 0, connectable: true, evidence: [] }))
  })
}
