import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { openStore } from '../../coordinator/store/index.ts'
import { trendOf } from '../../coordinator/trends/index.ts'
import { systemClock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import {
  agent,
  alert,
  backup,
  cluster,
  database,
  instance,
  job,
  state,
} from '../../test/conformance/store-records.ts'

/** How much a catalog holds. */
export interface CatalogSize {
  readonly clusters: number
  readonly databases: number
  /** Jobs, and as many backups. */
  readonly jobs: number
  readonly alerts: number
}

const day = 86_400_000

/**
 * Fills a new SQLite store with a fleet and its history: one row in a statement of its own, indexes made at the end.
 * Jobs and backups are spread over 90 days, one in a hundred failed; every tenth cluster is in ams.
 */
export async function seed(path: string, size: CatalogSize, now: number): Promise<void> {
  const url = `sqlite:${path}`
  await (await openStore({ url, clock: systemClock, log: silentLog })).close()
  using db = new DatabaseSync(path)
  db.exec('pragma synchronous = off; pragma journal_mode = wal; pragma cache_size = -400000')
  const indexes = db
    .prepare("select name, sql from sqlite_master where type = 'index' and sql is not null")
    .all() as { name: string; sql: string }[]
  for (const { name } of indexes) db.exec(`drop index "${name}"`)
  const triggers = db.prepare("select name, sql from sqlite_master where type = 'trigger'").all() as {
    name: string
    sql: string
  }[]
  for (const { name } of triggers) db.exec(`drop trigger "${name}"`)
  db.exec('begin')
  const into = inserter(db)
  const clusters = Array.from({ length: size.clusters }, (_, i) => {
    const service = `service-${String(i).padStart(5, '0')}`
    const home = cluster({ name: `${service}@host-${i}`, engine: i % 3 === 0 ? 'mariadb' : 'postgres' })
    into('clusters', { id: home.id, name: home.name }, home)
    const host = agent({ hostname: `host-${i}`, lastSeenAt: now })
    into('agents', { id: host.id, hostname: host.hostname, last_seen_at: now }, host)
    const server = instance({
      ...{ clusterId: home.id, service, discoveryKey: `dc/default/node-${i}/${service}`, agentId: host.id },
      ...{
        engine: home.engine,
        datacenter: i % 10 === 0 ? 'ams' : 'fra',
        tags: i % 20 === 0 ? ['prod'] : [],
      },
    })
    const { id, discoveryKey, source, clusterId, agentId = null } = server
    const keys = {
      id,
      discovery_key: discoveryKey,
      source,
      cluster_id: clusterId,
      agent_id: agentId,
      gone: 0,
    }
    into('instances', keys, server)
    return home
  })
  const databases = Array.from({ length: size.databases }, (_, i) => {
    const home = clusters[i % clusters.length]
    if (home === undefined) throw new Error('a catalog needs a cluster')
    const sizeBytes = 1_000_000 + ((i * 7_919) % 900_000_000)
    const record = database({ clusterId: home.id, name: `customer_${i}`, sizeBytes })
    const protection = i % 20 === 0 ? 'breached' : 'protected'
    into('databases', { id: record.id, cluster_id: home.id, name: record.name, gone: 0, protection }, record)
    const samples = Array.from({ length: 8 }, (_, k) => ({
      at: now - (8 - k) * day,
      rawBytes: sizeBytes + k * (i % 1_000),
      storedBytes: Math.round(sizeBytes / 4) + k,
      durationMs: 1_000 + (i % 600_000) + k,
    }))
    into('database_histories', { database_id: record.id }, { databaseId: record.id, samples })
    const trend = i < 1_000 ? trendOf(samples) : sharedTrend(samples)
    const known = state({
      ...{ databaseId: record.id, protection, reason: protection === 'breached' ? 'overdue' : '' },
      ...{ policyName: 'all', rpoMs: 2 * day, backups: 10, clockFrom: now - 90 * day },
      ...{ lastDataAsOf: now - (i % 5_000) * 1_000, nextDueAt: now + day + ((i * 31) % 100_000) * 1_000 },
      ...{ lastRawBytes: sizeBytes, lastStoredBytes: Math.round(sizeBytes / 4) },
      ...{ lastDurationMs: 1_000 + (i % 600_000) },
      ...(trend === undefined ? {} : { trend }),
    })
    const sorted = {
      ...{ raw_bytes: sizeBytes, stored_bytes: Math.round(sizeBytes / 4), duration: 1_000 + (i % 600_000) },
      ...{
        raw_growth: i % 1_000,
        duration_growth: i % 100,
        outgrows_at: i % 50 === 0 ? now + i * day : null,
      },
    }
    into('database_states', { database_id: record.id, ...sorted }, known)
    return record
  })
  const step = (90 * day) / size.jobs
  for (let i = 0; i < size.jobs; i++) {
    const of = databases[(i * 7) % databases.length]
    if (of === undefined) throw new Error('a catalog needs a database')
    const at = Math.round(now - 90 * day + i * step)
    const failed = i % 100 === 0
    const ids = { clusterId: of.clusterId, databaseId: of.id }
    const made = backup({
      ...{ clusterId: of.clusterId, databaseIds: [of.id], subjectName: of.name, startedAt: at },
      ...{ committedAt: at + 1_000 + (i % 600_000), dataAsOf: at, recordedAt: at + 2_000 },
      ...{ rawBytes: of.sizeBytes, storedBytes: Math.round(of.sizeBytes / 4) + (i % 1_000) },
    })
    const attempt = { id: made.attemptId, epoch: 1, agentId: made.agentId, assignedAt: at, startedAt: at }
    const done = job({
      ...{ subject: { scope: 'database', ...ids }, createdAt: at, dueAt: at, attempts: 1, epoch: 1 },
      state: failed
        ? { kind: 'failed', endedAt: at + 1_000, attempt, failure: broken }
        : { kind: 'succeeded', endedAt: made.committedAt, attempt, backupId: made.id },
    })
    into(
      'jobs',
      {
        ...{ id: done.id, kind: 'backup', subject: of.id, due_slot: `slot-${i}`, state: done.state.kind },
        ...{ is_open: 0, database_id: of.id, cluster_id: of.clusterId, created_at: at, ended_at: at + 1_000 },
      },
      done,
    )
    const { manifest, copies, ...record } = made
    into(
      'backups',
      {
        ...{ id: made.id, attempt_id: made.attemptId, cluster_id: of.clusterId },
        ...{ committed_at: made.committedAt, manifest },
      },
      { ...record, jobId: done.id },
    )
    into('backup_databases', {
      ...{ database_id: of.id, committed_at: made.committedAt, backup_id: made.id },
    })
    for (const { destination, url, state } of copies.slice(0, 1)) {
      const key = { backup_id: made.id, destination, url, manifest_key: `v1/${made.id}.json`, state }
      into('copies', { ...key, verified_at: null })
    }
  }
  for (let i = 0; i < size.alerts; i++) {
    const at = now - i * 60_000
    const open = i % 100 === 0
    const told = alert({
      ...{ dedupKey: `key-${i}`, openedAt: at, state: open ? 'open' : 'resolved', lastSeenAt: at },
      labels: { datacenter: [i % 1_000 === 0 ? 'ams' : 'fra'] },
    })
    into('alerts', { id: told.id, dedup_key: told.dedupKey, state: told.state, opened_at: at }, told)
  }
  db.exec('commit')
  for (const { sql } of [...indexes, ...triggers]) db.exec(sql)
  db.exec(
    `insert into destination_days select destination, committed_at / 86400000, sum(stored_bytes), count(*)
     from copies join backups on backups.id = backup_id group by 1, 2`,
  )
  db.exec('pragma wal_checkpoint(truncate)')
}

const broken = new AppError('store.unavailable').toFailure()

/** A trend is dear to reckon; those after the first thousand need only be of its form. */
function sharedTrend(samples: Parameters<typeof trendOf>[0]): ReturnType<typeof trendOf> {
  shared ??= trendOf(samples)
  return shared
}
let shared: ReturnType<typeof trendOf>

/** Inserts rows: the columns, and the record as the store keeps it. */
function inserter(db: DatabaseSync) {
  const statements = new Map<string, ReturnType<DatabaseSync['prepare']>>()
  return (table: string, columns: Readonly<Record<string, SQLInputValue>>, record?: object): void => {
    const row = record === undefined ? columns : { ...columns, format: 1, record: JSON.stringify(record) }
    const names = Object.keys(row)
    let statement = statements.get(table)
    if (statement === undefined) {
      statement = db.prepare(
        `insert into ${table} (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`,
      )
      statements.set(table, statement)
    }
    statement.run(...Object.values(row))
  }
}
