import { sql } from 'kysely'
import type { ColumnTypes } from '../dialect.ts'
import type { Migration } from './migration.ts'

/** The first schema: everything of the store port, the audit chain included. */
export const first: Migration = {
  number: 1,
  name: 'first',
  kind: 'breaking',
  up: async (db, dialect) => {
    for (const statement of statements(dialect.types)) await sql.raw(statement).execute(db)
  },
}

function statements({ key, text, int, bytes, serial, tableEnd }: ColumnTypes): string[] {
  const record = `format ${int} not null, record ${text} not null`
  const table = (name: string, columns: string) => `create table ${name} (${columns}) ${tableEnd}`
  const index = (name: string, on: string) => `create index ${name} on ${on}`
  const unique = (name: string, on: string) => `create unique index ${name} on ${on}`
  return [
    table(
      'store_identity',
      `id ${int} primary key, incarnation ${key} not null, fleet_id ${key} not null, created_at ${int} not null`,
    ),
    table(
      'leader',
      `id ${int} primary key, epoch ${int} not null, holder ${key} not null, renewed_at ${int} not null`,
    ),
    `insert into leader (id, epoch, holder, renewed_at) values (1, 0, '', 0)`,

    table(
      'jobs',
      `id ${key} primary key, kind ${key} not null, subject ${key} not null, due_slot ${key} not null,
       state ${key} not null, is_open ${int} not null, database_id ${key}, cluster_id ${key},
       created_at ${int} not null, ended_at ${int}, ${record}`,
    ),
    // J9
    unique('jobs_one_open', 'jobs (kind, subject, due_slot) where is_open = 1'),
    index('jobs_open', 'jobs (state) where is_open = 1'),
    index('jobs_open_by_creation', 'jobs (created_at, id) where is_open = 1'),
    index('jobs_by_creation', 'jobs (created_at, id)'),
    index('jobs_by_state', 'jobs (state, created_at, id)'),
    index('jobs_by_kind', 'jobs (kind, created_at, id)'),
    index('jobs_by_database', 'jobs (database_id, created_at, id)'),
    index('jobs_by_cluster', 'jobs (cluster_id, created_at, id)'),
    index('jobs_by_end', 'jobs (ended_at, state) where ended_at is not null'),

    table(
      'attempts',
      `id ${key} primary key, job_id ${key} not null references jobs (id), epoch ${int} not null, ${record}`,
    ),
    index('attempts_by_job', 'attempts (job_id, epoch)'),
    table('decisions', `seq ${serial}, job_id ${key} not null, ${record}`),
    index('decisions_by_job', 'decisions (job_id, seq)'),

    table(
      'agents',
      `id ${key} primary key, hostname ${key} not null, last_seen_at ${int} not null, ${record}`,
    ),
    index('agents_by_hostname', 'agents (hostname, id)'),

    table('clusters', `id ${key} primary key, name ${key} not null, ${record}`),
    index('clusters_by_name', 'clusters (name, id)'),
    table(
      'instances',
      `id ${key} primary key, discovery_key ${key} not null, source ${key} not null,
       cluster_id ${key} not null, agent_id ${key}, gone ${int} not null, ${record}`,
    ),
    unique('instances_by_key', 'instances (discovery_key)'),
    index('instances_by_source', 'instances (source, discovery_key)'),
    index('instances_by_cluster', 'instances (cluster_id, discovery_key)'),
    index('instances_by_agent', 'instances (agent_id, discovery_key)'),
    index('instances_by_gone', 'instances (gone, discovery_key)'),
    table(
      'databases',
      `id ${key} primary key, cluster_id ${key} not null, name ${key} not null, gone ${int} not null,
       protection ${key} not null, ${record}`,
    ),
    index('databases_by_name', 'databases (name, id)'),
    index('databases_by_gone', 'databases (gone, name, id)'),
    index('databases_by_cluster', 'databases (cluster_id, name, id)'),
    index('databases_by_protection', 'databases (protection, name, id)'),
    table('database_states', `database_id ${key} primary key references databases (id), ${record}`),

    table(
      'backups',
      `id ${key} primary key, attempt_id ${key} not null, cluster_id ${key} not null,
       committed_at ${int} not null, manifest ${bytes} not null, ${record}`,
    ),
    unique('backups_by_attempt', 'backups (attempt_id)'),
    index('backups_by_time', 'backups (committed_at, id)'),
    index('backups_by_cluster', 'backups (cluster_id, committed_at, id)'),
    table(
      'backup_databases',
      `database_id ${key} not null, committed_at ${int} not null, backup_id ${key} not null references backups (id),
       primary key (database_id, committed_at, backup_id)`,
    ),
    table(
      'copies',
      `backup_id ${key} not null references backups (id), destination ${key} not null, url ${text} not null,
       manifest_key ${text} not null, state ${key} not null, primary key (backup_id, destination)`,
    ),
    table(
      'debris',
      `attempt_id ${key} primary key, delete_job_id ${key}, found_at ${int} not null, ${record}`,
    ),
    index('debris_by_job', 'debris (delete_job_id)'),

    table(
      'alerts',
      `id ${key} primary key, dedup_key ${key} not null, state ${key} not null, opened_at ${int} not null, ${record}`,
    ),
    unique('alerts_one_open', `alerts (dedup_key) where state = 'open'`),
    index('alerts_by_time', 'alerts (opened_at, id)'),
    index('alerts_by_state', 'alerts (state, opened_at, id)'),
    table(
      'outbox',
      `id ${serial}, alert_id ${key} not null, dedup_key ${key} not null, channel ${key} not null,
       event ${key} not null, state ${key} not null, next_attempt_at ${int} not null, ${record}`,
    ),
    index('outbox_pending', `outbox (id) where state = 'pending'`),
    index('outbox_order', `outbox (dedup_key, channel, id) where state = 'pending'`),
    index('outbox_dead', `outbox (id) where state = 'dead'`),
    index('outbox_by_alert', 'outbox (alert_id, id)'),

    table(
      'audit',
      `seq ${int} primary key, at ${int} not null, class ${key} not null, actor ${key} not null,
       action ${key} not null, subject ${key} not null, reason ${text} not null, detail ${text} not null,
       prev_hash ${key} not null, hash ${key} not null`,
    ),
    index('audit_by_actor', 'audit (actor, seq)'),
    index('audit_by_action', 'audit (action, seq)'),
    index('audit_by_subject', 'audit (subject, seq)'),

    table('requests', `request_id ${key} primary key, at ${int} not null, answer ${text} not null`),
    table('results', `result_id ${key} primary key, at ${int} not null, disposition ${text} not null`),
    table('counters', `name ${key} primary key, value ${int} not null`),
  ]
}
