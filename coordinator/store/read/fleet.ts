import { flag, keyText } from '../key-text.ts'
import { type ListOrder, pageOf } from '../page.ts'
import type { ReadModel } from '../port.ts'
import type { Database } from '../schema.ts'
import { decodeCluster, decodeDatabase, decodeDatabaseState, decodeInstance } from '../shapes.ts'

const clustersByName: ListOrder = {
  list: 'clusters',
  columns: ['name', 'id'],
  form: ['text', 'text'],
  direction: 'asc',
}

const instancesByKey: ListOrder = {
  list: 'instances',
  columns: ['discovery_key'],
  form: ['text'],
  direction: 'asc',
}

const databasesByName: ListOrder = {
  list: 'databases',
  columns: ['databases.name', 'databases.id'],
  form: ['text', 'text'],
  direction: 'asc',
}

/** Clusters and databases by name, instances by discovery key; names compare byte by byte. */
export function fleetReads(
  db: Database,
): Pick<
  ReadModel,
  'cluster' | 'clusters' | 'instance' | 'instances' | 'database' | 'databases' | 'databaseState'
> {
  return {
    cluster: async id => {
      const row = await db
        .selectFrom('clusters')
        .select('record')
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeCluster(id, row)
    },
    clusters: page =>
      pageOf(
        db.selectFrom('clusters').select(['id', 'name', 'record']),
        clustersByName,
        page,
        row => [row.name, row.id],
        row => decodeCluster(row.id, row),
      ),
    instance: async id => {
      const row = await db
        .selectFrom('instances')
        .select('record')
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeInstance(id, row)
    },
    instances: (page, filter) => {
      let query = db.selectFrom('instances').select(['id', 'discovery_key', 'record'])
      if (filter.gone !== undefined) query = query.where('gone', '=', flag(filter.gone))
      if (filter.clusterId !== undefined) query = query.where('cluster_id', '=', keyText(filter.clusterId))
      if (filter.agentId !== undefined) query = query.where('agent_id', '=', keyText(filter.agentId))
      return pageOf(
        query,
        instancesByKey,
        page,
        row => [row.discovery_key],
        row => decodeInstance(row.id, row),
      )
    },
    database: async id => {
      const row = await db
        .selectFrom('databases')
        .select('record')
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeDatabase(id, row)
    },
    databases: (page, filter) => {
      let query = db
        .selectFrom('databases')
        .leftJoin('database_states', 'database_states.database_id', 'databases.id')
        .select([
          'databases.id',
          'databases.name',
          'databases.record',
          'database_states.record as state_record',
        ])
      if (filter.name !== undefined) query = query.where('databases.name', '=', keyText(filter.name))
      if (filter.clusterId !== undefined)
        query = query.where('databases.cluster_id', '=', keyText(filter.clusterId))
      if (filter.protection !== undefined)
        query = query.where('databases.protection', '=', keyText(filter.protection))
      if (filter.gone !== undefined) query = query.where('databases.gone', '=', flag(filter.gone))
      return pageOf(
        query,
        databasesByName,
        page,
        row => [row.name, row.id],
        row => {
          const database = decodeDatabase(row.id, row)
          if (row.state_record === null) return { database }
          return { database, state: decodeDatabaseState(row.id, { record: row.state_record }) }
        },
      )
    },
    databaseState: async id => {
      const row = await db
        .selectFrom('database_states')
        .select('record')
        .where('database_id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeDatabaseState(id, row)
    },
  }
}
