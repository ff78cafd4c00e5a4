import { AppError } from '../../../shared/errors/index.ts'
import { encode } from '../decode.ts'
import { flag, keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import {
  decodeCluster,
  decodeDatabase,
  decodeDatabaseState,
  decodeHistory,
  decodeInstance,
} from '../shapes.ts'
import type { Step } from '../step.ts'
import { protectionTotal, totals } from '../totals.ts'

/** Clusters inside a step. */
export function clusterWrites(step: Step): WriteTx['clusters'] {
  return {
    get: async id => {
      const row = await step.q.selectFrom('clusters').select('record').where('id', '=', id).executeTakeFirst()
      return row && decodeCluster(id, row)
    },
    put: async cluster => {
      const row = { name: keyText(cluster.name), ...encode(cluster) }
      await step.q
        .insertInto('clusters')
        .values({ id: cluster.id, ...row })
        .onConflict(oc => oc.column('id').doUpdateSet(row))
        .execute()
    },
  }
}

/** Instances inside a step; their total counts those that are not gone. */
export function instanceWrites(step: Step): WriteTx['instances'] {
  return {
    get: async id => {
      const row = await step.q
        .selectFrom('instances')
        .select('record')
        .where('id', '=', id)
        .executeTakeFirst()
      return row && decodeInstance(id, row)
    },
    byDiscoveryKey: async key => {
      const row = await step.q
        .selectFrom('instances')
        .select(['id', 'record'])
        .where('discovery_key', '=', keyText(key))
        .executeTakeFirst()
      return row && decodeInstance(row.id, row)
    },
    ofSource: async source => {
      const rows = await step.q
        .selectFrom('instances')
        .select(['id', 'record'])
        .where('source', '=', keyText(source))
        .orderBy('discovery_key')
        .execute()
      return rows.map(row => decodeInstance(row.id, row))
    },
    put: async instance => {
      const before = await step.q
        .selectFrom('instances')
        .select('gone')
        .where('id', '=', instance.id)
        .executeTakeFirst()
      const gone = flag(instance.goneSince !== undefined)
      const row = {
        discovery_key: keyText(instance.discoveryKey),
        source: keyText(instance.source),
        cluster_id: instance.clusterId,
        agent_id: instance.agentId ?? null,
        gone,
        ...encode(instance),
      }
      await step.q
        .insertInto('instances')
        .values({ id: instance.id, ...row })
        .onConflict(oc => oc.column('id').doUpdateSet(row))
        .execute()
      step.add(totals.instances, (before?.gone ?? 1) - gone)
    },
  }
}

/** Databases and their state inside a step; totals count those that are not gone. */
export function databaseWrites(step: Step): WriteTx['databases'] {
  const before = (id: string) =>
    step.q.selectFrom('databases').select(['gone', 'protection']).where('id', '=', id).executeTakeFirst()
  return {
    get: async id => {
      const row = await step.q
        .selectFrom('databases')
        .select('record')
        .where('id', '=', id)
        .executeTakeFirst()
      return row && decodeDatabase(id, row)
    },
    ofCluster: async id => {
      const rows = await step.q
        .selectFrom('databases')
        .select(['id', 'record'])
        .where('cluster_id', '=', id)
        .orderBy('name')
        .orderBy('id')
        .execute()
      return rows.map(row => decodeDatabase(row.id, row))
    },
    put: async database => {
      const old = await before(database.id)
      const gone = flag(database.goneSince !== undefined)
      const row = {
        cluster_id: database.clusterId,
        name: keyText(database.name),
        gone,
        ...encode(database),
      }
      await step.q
        .insertInto('databases')
        .values({ id: database.id, protection: '', ...row })
        .onConflict(oc => oc.column('id').doUpdateSet(row))
        .execute()
      const appeared = (old?.gone ?? 1) - gone
      step.add(totals.databases, appeared)
      if (old !== undefined && old.protection !== '') step.add(protectionTotal(old.protection), appeared)
    },
    state: async id => {
      const row = await step.q
        .selectFrom('database_states')
        .select('record')
        .where('database_id', '=', id)
        .executeTakeFirst()
      return row && decodeDatabaseState(id, row)
    },
    putState: async state => {
      const old = await before(state.databaseId)
      if (old === undefined) throw new AppError('not-found', { context: { database_id: state.databaseId } })
      const { trend, outgrowsAt } = state
      const row = {
        raw_bytes: trend === undefined ? null : (state.lastRawBytes ?? null),
        stored_bytes: trend === undefined ? null : (state.lastStoredBytes ?? null),
        duration: trend === undefined ? null : (state.lastDurationMs ?? null),
        raw_growth: whole(trend?.rawGrowth?.perDay),
        duration_growth: whole(trend?.durationGrowth?.perDay),
        outgrows_at: outgrowsAt ?? null,
        verification_gap: state.verification?.gap?.reason ?? null,
        ...encode(state),
      }
      await step.q
        .insertInto('database_states')
        .values({ database_id: state.databaseId, ...row })
        .onConflict(oc => oc.column('database_id').doUpdateSet(row))
        .execute()
      if (old.protection === state.protection) return
      await step.q
        .updateTable('databases')
        .set({ protection: state.protection })
        .where('id', '=', state.databaseId)
        .execute()
      if (old.gone === 1) return
      if (old.protection !== '') step.add(protectionTotal(old.protection), -1)
      step.add(protectionTotal(state.protection), 1)
    },
    history: async id => {
      const row = await step.q
        .selectFrom('database_histories')
        .select('record')
        .where('database_id', '=', id)
        .executeTakeFirst()
      return row && decodeHistory(id, row)
    },
    putHistory: async history => {
      const row = encode(history)
      await step.q
        .insertInto('database_histories')
        .values({ database_id: history.databaseId, ...row })
        .onConflict(oc => oc.column('database_id').doUpdateSet(row))
        .execute()
    },
  }
}

function whole(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value)
}
