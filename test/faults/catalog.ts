import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import type { Job } from '../../coordinator/jobs/index.ts'
import type { AttemptRecord, BackupRecord, DebrisRecord } from '../../coordinator/store/records.ts'
import type { PostgresServer } from '../harness/index.ts'

type Row = Readonly<Record<string, unknown>>

/** The coordinator's store read from outside, whoever leads and whether anybody does. */
export interface Catalog {
  rows(sql: string): Promise<Row[]>
  jobs(): Promise<Job[]>
  attempts(): Promise<AttemptRecord[]>
  backups(): Promise<(BackupRecord & { readonly manifest: Uint8Array; readonly keys: readonly string[] })[]>
  debris(): Promise<DebrisRecord[]>
}

/** @param file of an SQLite store; it need not exist yet */
export function sqliteCatalog(file: string): Catalog {
  return catalog(async sql => {
    const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 })
    try {
      return db.prepare(sql).all() as Row[]
    } finally {
      db.close()
    }
  })
}

/** The store in a database of a test's PostgreSQL. */
export function postgresCatalog(server: PostgresServer, database: string): Catalog {
  // one connection that is kept: a psql for each of the looks of a wait took more than the fleet that was looked at
  const pool = new pg.Pool({ connectionString: server.url(database), max: 1, allowExitOnIdle: true })
  pool.on('error', () => undefined)
  return catalog(async sql => {
    const answer = await pool.query<{ found: string }>(
      `select coalesce(json_agg(t), '[]')::text as found from (${sql}) t`,
    )
    return (JSON.parse(answer.rows[0]?.found ?? '[]') as Record<string, unknown>[]).map(row => ({
      ...row,
      ...(typeof row['manifest'] === 'string'
        ? { manifest: Buffer.from(row['manifest'].replace(/^\\x/, ''), 'hex') }
        : {}),
    }))
  })
}

function catalog(rows: Catalog['rows']): Catalog {
  const records = async <T>(table: string): Promise<T[]> =>
    (await rows(`select record from ${table}`)).map(row => JSON.parse(String(row['record'])) as T)
  return {
    rows,
    jobs: () => records<Job>('jobs'),
    attempts: () => records<AttemptRecord>('attempts'),
    debris: () => records<DebrisRecord>('debris'),
    backups: async () => {
      const copies = await rows('select backup_id, manifest_key from copies')
      return (await rows('select id, record, manifest from backups')).map(row => ({
        ...(JSON.parse(String(row['record'])) as BackupRecord),
        manifest: row['manifest'] as Uint8Array,
        keys: copies
          .filter(copy => copy['backup_id'] === row['id'])
          .map(copy => String(copy['manifest_key'])),
      }))
    },
  }
}
