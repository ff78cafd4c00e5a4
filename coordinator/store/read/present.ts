import { sql } from 'kysely'
import { keyText } from '../key-text.ts'
import type { ReadModel } from '../port.ts'
import type { Database } from '../schema.ts'

/** How much clusters and agents have now: counted on indexes of nothing else, many in one statement. */
export function presentReads(db: Database): Pick<ReadModel, 'databasesIn' | 'instancesOf'> {
  return {
    databasesIn: async clusters => {
      if (clusters.length === 0) return new Map()
      const rows = await db
        .selectFrom('databases')
        .select(['cluster_id', eb => eb.fn.countAll<number>().as('count')])
        .where('cluster_id', 'in', clusters.map(keyText))
        .where('gone', '=', sql.lit(0))
        .where('name', '<>', sql.lit(''))
        .groupBy('cluster_id')
        .execute()
      return countsOf(clusters, new Map(rows.map(row => [row.cluster_id, row.count])))
    },
    instancesOf: async agents => {
      if (agents.length === 0) return new Map()
      const rows = await db
        .selectFrom('instances')
        .select(['agent_id', eb => eb.fn.countAll<number>().as('count')])
        .where('agent_id', 'in', agents.map(keyText))
        .where('gone', '=', sql.lit(0))
        .groupBy('agent_id')
        .execute()
      return countsOf(agents, new Map(rows.map(row => [row.agent_id, row.count])))
    },
  }
}

function countsOf<K extends string>(
  ids: readonly K[],
  found: ReadonlyMap<string | null, number>,
): Map<K, number> {
  return new Map(ids.map(id => [id, found.get(keyText(id)) ?? 0]))
}
