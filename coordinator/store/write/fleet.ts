import { AppError } from '../../../shared/errors/index.ts'
import type { DatabaseId, InstanceId } from '../../../shared/model/identifiers.ts'
import { encode } from '../decode.ts'
import { flag, keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import { prepared } from '../prepared.ts'
import type { DatabaseRecord, DatabaseStateRecord, InstanceRecord } from '../records.ts'
import type { Schema } from '../schema.ts'
import {
  decodeCluster,
  decodeDatabase,
  decodeDatabaseState,
  decodeHistory,
  decodeInstance,
} from '../shapes.ts'
import type { Step } from '../step.ts'
import { protectionTotal, totals } from '../totals.ts'

type ById = { readonly id: string }
type AsRecord = { readonly record: string }

const oneCluster = prepared<ById, AsRecord>(['id'], (db, { id }) =>
  db.selectFrom('clusters').select('record').where('id', '=', id),
)

const putCluster = prepared<Schema['clusters'], unknown>(
  ['id', 'name', 'format', 'record'],
  (db, { id, ...row }) =>
    db
      .insertInto('clusters')
      .values({ id, ...row })
      .onConflict(oc => oc.column('id').doUpdateSet(row)),
)

/** Clusters inside a step. */
export function clusterWrites(step: Step): WriteTx['clusters'] {
  return {
    get: async id => {
      const row = await step.first(oneCluster, { id })
      return row && decodeCluster(id, row)
    },
    put: async cluster => {
      await step.run(putCluster, { id: cluster.id, name: keyText(cluster.name), ...encode(cluster) })
    },
  }
}

const oneInstance = prepared<ById, AsRecord>(['id'], (db, { id }) =>
  db.selectFrom('instances').select('record').where('id', '=', id),
)

const instanceOfKey = prepared<{ readonly key: string }, ById & AsRecord>(['key'], (db, { key }) =>
  db.selectFrom('instances').select(['id', 'record']).where('discovery_key', '=', key),
)

const insertInstance = prepared<Schema['instances'], unknown>(
  ['id', 'discovery_key', 'source', 'cluster_id', 'agent_id', 'gone', 'format', 'record'],
  (db, row) => db.insertInto('instances').values(row),
)

const updateInstance = prepared<Schema['instances'], unknown>(
  ['id', 'discovery_key', 'source', 'cluster_id', 'agent_id', 'gone', 'format', 'record'],
  (db, { id, ...row }) => db.updateTable('instances').set(row).where('id', '=', id),
)

// Each index of a column that an update names is written anew, changed or not
const rewriteInstance = prepared<Pick<Schema['instances'], 'id' | 'format' | 'record'>, unknown>(
  ['id', 'format', 'record'],
  (db, { id, ...row }) => db.updateTable('instances').set(row).where('id', '=', id),
)

function columnsOf(instance: InstanceRecord) {
  return {
    discovery_key: keyText(instance.discoveryKey),
    source: keyText(instance.source),
    cluster_id: instance.clusterId,
    agent_id: instance.agentId ?? null,
    gone: flag(instance.goneSince !== undefined),
  }
}

/** Instances inside a step; their total counts those that are not gone. */
export function instanceWrites(step: Step): WriteTx['instances'] {
  const key = (id: string) => `instances ${id}`
  const get = async (id: InstanceId): Promise<InstanceRecord | undefined> => {
    const known = step.known.get(key(id)) as InstanceRecord | undefined
    if (known !== undefined) return known
    const row = await step.first(oneInstance, { id })
    const instance = row && decodeInstance(id, row)
    if (instance !== undefined) step.known.set(key(id), instance)
    return instance
  }
  return {
    get,
    byDiscoveryKey: async wanted => {
      const row = await step.first(instanceOfKey, { key: keyText(wanted) })
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
      const before = await get(instance.id)
      const columns = columnsOf(instance)
      const row = { id: instance.id, ...columns, ...encode(instance) }
      const old = before && columnsOf(before)
      const same =
        old && Object.entries(old).every(([name, value]) => columns[name as keyof typeof columns] === value)
      await step.run(old === undefined ? insertInstance : same ? rewriteInstance : updateInstance, row)
      step.known.set(key(instance.id), instance)
      step.add(totals.instances, (old?.gone ?? 1) - columns.gone)
    },
  }
}

interface DatabaseRow extends AsRecord {
  readonly gone: number
  readonly protection: string
}

const oneDatabase = prepared<ById, DatabaseRow>(['id'], (db, { id }) =>
  db.selectFrom('databases').select(['gone', 'protection', 'record']).where('id', '=', id),
)

const putDatabase = prepared<Schema['databases'], unknown>(
  ['id', 'protection', 'cluster_id', 'name', 'gone', 'format', 'record'],
  (db, { id, protection, ...row }) =>
    db
      .insertInto('databases')
      .values({ id, protection, ...row })
      .onConflict(oc => oc.column('id').doUpdateSet(row)),
)

const setProtection = prepared<Pick<Schema['databases'], 'id' | 'protection'>, unknown>(
  ['id', 'protection'],
  (db, { id, protection }) => db.updateTable('databases').set({ protection }).where('id', '=', id),
)

const oneState = prepared<ById, AsRecord>(['id'], (db, { id }) =>
  db.selectFrom('database_states').select('record').where('database_id', '=', id),
)

const putState = prepared<Schema['database_states'], unknown>(
  [
    'database_id',
    'raw_bytes',
    'stored_bytes',
    'duration',
    'raw_growth',
    'duration_growth',
    'outgrows_at',
    'verification_gap',
    'format',
    'record',
  ],
  (db, { database_id, ...row }) =>
    db
      .insertInto('database_states')
      .values({ database_id, ...row })
      .onConflict(oc => oc.column('database_id').doUpdateSet(row)),
)

// Each index of a column that an update names is written anew, changed or not
const rewriteState = prepared<Pick<Schema['database_states'], 'database_id' | 'format' | 'record'>, unknown>(
  ['database_id', 'format', 'record'],
  (db, { database_id, ...row }) =>
    db.updateTable('database_states').set(row).where('database_id', '=', database_id),
)

function sortedBy(state: DatabaseStateRecord) {
  const { trend, outgrowsAt } = state
  return {
    raw_bytes: trend === undefined ? null : (state.lastRawBytes ?? null),
    stored_bytes: trend === undefined ? null : (state.lastStoredBytes ?? null),
    duration: trend === undefined ? null : (state.lastDurationMs ?? null),
    raw_growth: whole(trend?.rawGrowth?.perDay),
    duration_growth: whole(trend?.durationGrowth?.perDay),
    outgrows_at: outgrowsAt ?? null,
    verification_gap: state.verification?.gap?.reason ?? null,
  }
}

const oneHistory = prepared<ById, AsRecord>(['id'], (db, { id }) =>
  db.selectFrom('database_histories').select('record').where('database_id', '=', id),
)

const putHistory = prepared<Schema['database_histories'], unknown>(
  ['database_id', 'format', 'record'],
  (db, { database_id, ...row }) =>
    db
      .insertInto('database_histories')
      .values({ database_id, ...row })
      .onConflict(oc => oc.column('database_id').doUpdateSet(row)),
)

/** A database's row: its record as it is read, and what else is counted and sorted by. */
interface KnownDatabase {
  readonly record: DatabaseRecord
  readonly gone: number
  readonly protection: string
}

/** Databases and their state inside a step; totals count those that are not gone. */
export function databaseWrites(step: Step): WriteTx['databases'] {
  const key = (id: string) => `databases ${id}`
  const stateKey = (id: string) => `states ${id}`
  const known = async (id: DatabaseId): Promise<KnownDatabase | undefined> => {
    const before = step.known.get(key(id)) as KnownDatabase | undefined
    if (before !== undefined) return before
    const row = await step.first(oneDatabase, { id })
    if (row === undefined) return undefined
    const { gone, protection } = row
    const database = { record: decodeDatabase(id, row), gone, protection }
    step.known.set(key(id), database)
    return database
  }
  const state = async (id: DatabaseId): Promise<DatabaseStateRecord | undefined> => {
    const before = step.known.get(stateKey(id)) as DatabaseStateRecord | undefined
    if (before !== undefined) return before
    const row = await step.first(oneState, { id })
    const read = row && decodeDatabaseState(id, row)
    if (read !== undefined) step.known.set(stateKey(id), read)
    return read
  }
  return {
    get: async id => (await known(id))?.record,
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
      const { id } = database
      const old = await known(id)
      const gone = flag(database.goneSince !== undefined)
      await step.run(putDatabase, {
        id,
        protection: '',
        cluster_id: database.clusterId,
        name: keyText(database.name),
        gone,
        ...encode(database),
      })
      step.known.set(key(id), { record: database, gone, protection: old?.protection ?? '' })
      const appeared = (old?.gone ?? 1) - gone
      step.add(totals.databases, appeared)
      if (old !== undefined && old.protection !== '') step.add(protectionTotal(old.protection), appeared)
    },
    state,
    putState: async judged => {
      const { databaseId, protection } = judged
      const old = await known(databaseId)
      if (old === undefined) throw new AppError('not-found', { context: { database_id: databaseId } })
      const before = await state(databaseId)
      const columns = sortedBy(judged)
      const sorted = before && sortedBy(before)
      const same =
        sorted &&
        Object.entries(sorted).every(([name, value]) => columns[name as keyof typeof columns] === value)
      await step.run(same ? rewriteState : putState, {
        database_id: databaseId,
        ...columns,
        ...encode(judged),
      })
      step.known.set(stateKey(databaseId), judged)
      if (old.protection === protection) return
      await step.run(setProtection, { id: databaseId, protection })
      step.known.set(key(databaseId), { ...old, protection })
      if (old.gone === 1) return
      if (old.protection !== '') step.add(protectionTotal(old.protection), -1)
      step.add(protectionTotal(protection), 1)
    },
    history: async id => {
      const row = await step.first(oneHistory, { id })
      return row && decodeHistory(id, row)
    },
    putHistory: async history => {
      await step.run(putHistory, { database_id: history.databaseId, ...encode(history) })
    },
  }
}

function whole(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value)
}
