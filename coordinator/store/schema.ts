import type { Generated, GeneratedAlways, Kysely } from 'kysely'

/**
 * The tables as they are now; `migrations/` says how they came to be. Records are JSON in `record` beside the
 * columns that are searched by, so that a field a newer version added survives an older one's update.
 */
export interface Schema {
  schema_version: { id: number; version: number; min_reader: number }
  migrations: { number: number; name: string; kind: string; applied_at: number }
  store_identity: { id: number; incarnation: string; fleet_id: string; created_at: number }
  leader: { id: number; epoch: number; holder: string; renewed_at: number }
  jobs: Recorded & {
    id: string
    kind: string
    subject: string
    due_slot: string
    state: string
    is_open: number
    database_id: string | null
    cluster_id: string | null
    created_at: number
    ended_at: number | null
  }
  attempts: Recorded & { id: string; job_id: string; epoch: number }
  decisions: Recorded & { seq: Generated<number>; job_id: string }
  agents: Recorded & { id: string; hostname: string; last_seen_at: number }
  clusters: Recorded & { id: string; name: string }
  instances: Recorded & {
    id: string
    discovery_key: string
    source: string
    cluster_id: string
    agent_id: string | null
    gone: number
  }
  databases: Recorded & {
    id: string
    cluster_id: string
    name: string
    gone: number
    /** Copied from its state, so that lists filter without a join; empty while it has none. */
    protection: string
  }
  database_states: Recorded & {
    database_id: string
    /** Copied from its trend for sorting; null while it has none, growth while there is too little to tell. */
    raw_bytes: number | null
    stored_bytes: number | null
    raw_growth: number | null
    duration: number | null
    duration_growth: number | null
    outgrows_at: number | null
    /** Why the proof of its backups stands in the ledger; null while it does not. */
    verification_gap: string | null
  }
  database_histories: Recorded & { database_id: string }
  backups: Recorded & {
    id: string
    attempt_id: string
    cluster_id: string
    committed_at: number
    manifest: Uint8Array
    /** Out of the record, by the database itself: what lists are sorted by. */
    stored_bytes: GeneratedAlways<number>
    took: GeneratedAlways<number>
    /** `expired` or `deleting`, and since when; null of one that stays. */
    leaving: string | null
    leaving_since: number | null
  }
  deleted_backups: Recorded & {
    id: string
    attempt_id: string
    database_id: string
    cluster_id: string
    deleted_at: number
  }
  verifications: Recorded & {
    id: string
    backup_id: string
    database_id: string
    cluster_id: string
    at: number
    verdict: string
  }
  brake_releases: Recorded & { at: number }
  backup_databases: { backup_id: string; database_id: string; committed_at: number }
  copies: {
    backup_id: string
    destination: string
    url: string
    manifest_key: string
    state: string
    verified_at: number | null
  }
  /** Kept by triggers on `copies`. */
  destination_days: { destination: string; day: number; bytes: number; copies: number }
  missing_copies: Recorded & {
    backup_id: string
    destination: string
    state: string
    since: number
    next_at: number
    job_id: string | null
  }
  debris: Recorded & { attempt_id: string; delete_job_id: string | null; found_at: number }
  alerts: Recorded & { id: string; dedup_key: string; state: string; opened_at: number }
  outbox: Recorded & {
    id: Generated<number>
    alert_id: string
    dedup_key: string
    channel: string
    event: string
    state: string
    next_attempt_at: number
  }
  tokens: Recorded & { id: string; name: string; created_at: number; live_until: number }
  approvals: Recorded & { id: string; state: string; asked_at: number }
  silences: Recorded & { id: string; ends_at: number }
  pauses: Recorded & { key: string }
  policy_revisions: Recorded & { revision: number }
  join_tokens: Recorded & { hash: string }
  certified_keys: Recorded & { key_id: string; agent_id: string }
  revocations: Recorded & { agent_id: string }
  audit: {
    seq: number
    at: number
    class: string
    actor: string
    action: string
    subject: string
    reason: string
    detail: string
    prev_hash: string
    hash: string
  }
  requests: { request_id: string; at: number; answer: string }
  results: { result_id: string; at: number; disposition: string }
  counters: { name: string; value: number }
}

/** A record as JSON, and the version of its form. */
interface Recorded {
  format: number
  record: string
}

/** The database as the rooms of the store see it. It never leaves the store. */
export type Database = Kysely<Schema>
