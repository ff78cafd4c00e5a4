import { encode } from '../decode.ts'
import { keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import { prepared } from '../prepared.ts'
import { newestBackups, wholeBackup } from '../read/backups.ts'
import type { BackupRecord, CopyRecord } from '../records.ts'
import type { Schema } from '../schema.ts'
import { decodeDebris, decodeDeletedBackup } from '../shapes.ts'
import type { Step } from '../step.ts'
import { totals } from '../totals.ts'

type ById = { readonly id: string }

const ofId = prepared<ById, ById>(['id'], (db, { id }) =>
  db.selectFrom('backups').select('id').where('id', '=', id),
)

const ofAttempt = prepared<ById, ById>(['id'], (db, { id }) =>
  db.selectFrom('backups').select('id').where('attempt_id', '=', id),
)

const buriedOfAttempt = prepared<ById, ById & { readonly record: string }>(['id'], (db, { id }) =>
  db.selectFrom('deleted_backups').select(['id', 'record']).where('attempt_id', '=', id),
)

const inserted = prepared<Omit<Schema['backups'], 'stored_bytes' | 'took'>, unknown>(
  [
    'id',
    'attempt_id',
    'cluster_id',
    'committed_at',
    'manifest',
    'leaving',
    'leaving_since',
    'format',
    'record',
  ],
  (db, row) => db.insertInto('backups').values(row),
)

const listed = prepared<Schema['backup_databases'], unknown>(
  ['database_id', 'committed_at', 'backup_id'],
  (db, row) => db.insertInto('backup_databases').values(row),
)

const putPresent = prepared<Schema['copies'], unknown>(
  ['backup_id', 'destination', 'url', 'manifest_key', 'state', 'verified_at'],
  (db, { backup_id, destination, ...row }) =>
    db
      .insertInto('copies')
      .values({ backup_id, destination, ...row })
      .onConflict(oc => oc.columns(['backup_id', 'destination']).doUpdateSet(row)),
)

const noDebris = prepared<ById, unknown>(['id'], (db, { id }) =>
  db.deleteFrom('debris').where('attempt_id', '=', id),
)

/** Backups inside a step: inserted once with their copies and databases; copies come and go, and what keeps or ends them. */
export function backupWrites(step: Step): WriteTx['backups'] {
  return {
    // mostly there is none, and its manifest is large
    get: async id => (await step.first(ofId, { id: keyText(id) })) && wholeBackup(step.q, 'id', id),
    byAttempt: async id =>
      (await step.first(ofAttempt, { id: keyText(id) })) && wholeBackup(step.q, 'attempt_id', id),
    insert: async backup => {
      const { manifest, copies, ...record } = backup
      await step.run(inserted, {
        id: backup.id,
        attempt_id: backup.attemptId,
        cluster_id: backup.clusterId,
        committed_at: backup.committedAt,
        manifest,
        ...leavingColumns(backup),
        ...encode(record),
      })
      for (const id of new Set(backup.databaseIds))
        await step.run(listed, { database_id: id, committed_at: backup.committedAt, backup_id: backup.id })
      for (const copy of copies) await putCopy(step, backup.id, copy, 'first')
      step.add(totals.backups, 1)
      step.add(totals.storedBytes, backup.storedBytes)
    },
    putCopy: (id, copy) => putCopy(step, id, copy),
    removeCopy: async (id, destination) => {
      for (const table of ['copies', 'missing_copies'] as const)
        await step.q
          .deleteFrom(table)
          .where('backup_id', '=', id)
          .where('destination', '=', keyText(destination))
          .execute()
    },
    newestOf: (id, limit) => newestBackups(step.q, id, limit),
    keep: async backup => {
      const { manifest: _, copies: __, ...record } = backup
      await step.q
        .updateTable('backups')
        .set({ ...leavingColumns(backup), ...encode(record) })
        .where('id', '=', backup.id)
        .execute()
    },
    bury: async tombstone => {
      const { id } = tombstone
      for (const table of ['copies', 'missing_copies', 'backup_databases'] as const)
        await step.q.deleteFrom(table).where('backup_id', '=', id).execute()
      await step.q.deleteFrom('backups').where('id', '=', id).execute()
      const row = { deleted_at: tombstone.deletedAt, ...encode(tombstone) }
      await step.q
        .insertInto('deleted_backups')
        .values({
          id,
          attempt_id: tombstone.attemptId,
          database_id: tombstone.databaseIds[0] ?? '',
          cluster_id: tombstone.clusterId,
          ...row,
        })
        // a copy that came late was deleted after it
        .onConflict(oc => oc.column('id').doUpdateSet(row))
        .execute()
      step.add(totals.backups, -1)
      step.add(totals.storedBytes, -tombstone.storedBytes)
    },
    buriedByAttempt: async id => {
      const row = await step.first(buriedOfAttempt, { id })
      return row && decodeDeletedBackup(row.id, row)
    },
  }
}

function leavingColumns({ expiry, deletion }: Pick<BackupRecord, 'expiry' | 'deletion'>) {
  const since = deletion?.since ?? expiry?.since ?? null
  return {
    leaving: deletion !== undefined ? 'deleting' : expiry !== undefined ? 'expired' : null,
    leaving_since: since,
  }
}

/** How far operators let retention go, inside a step. */
export function brakeReleaseWrites(step: Step): WriteTx['brakeReleases'] {
  return {
    append: async release => {
      await step.q
        .insertInto('brake_releases')
        .values({ at: release.at, ...encode(release) })
        .onConflict(oc => oc.column('at').doUpdateSet(encode(release)))
        .execute()
    },
  }
}

/** @param before `first`: nothing can be known of the copies of a backup that is new */
async function putCopy(
  step: Step,
  backupId: string,
  copy: CopyRecord,
  before: 'first' | 'known' = 'known',
): Promise<void> {
  const key = { backup_id: backupId, destination: keyText(copy.destination) }
  const other = copy.state === 'present' ? 'missing_copies' : 'copies'
  if (before === 'known')
    await step.q
      .deleteFrom(other)
      .where('backup_id', '=', key.backup_id)
      .where('destination', '=', key.destination)
      .execute()
  if (copy.state === 'present') {
    await step.run(putPresent, {
      ...key,
      url: copy.url,
      manifest_key: copy.manifestKey,
      state: copy.state,
      verified_at: copy.verifiedAt ?? null,
    })
    return
  }
  const row = {
    state: copy.state,
    since: copy.since,
    next_at: copy.nextAt,
    job_id: copy.jobId ?? null,
    ...encode(copy),
  }
  await step.q
    .insertInto('missing_copies')
    .values({ ...key, ...row })
    .onConflict(oc => oc.columns(['backup_id', 'destination']).doUpdateSet(row))
    .execute()
}

/** Debris inside a step. */
export function debrisWrites(step: Step): WriteTx['debris'] {
  return {
    put: async debris => {
      const row = { delete_job_id: debris.deleteJobId ?? null, found_at: debris.foundAt, ...encode(debris) }
      await step.q
        .insertInto('debris')
        .values({ attempt_id: debris.attemptId, ...row })
        .onConflict(oc => oc.column('attempt_id').doUpdateSet(row))
        .execute()
    },
    get: async id => {
      const row = await step.q
        .selectFrom('debris')
        .select('record')
        .where('attempt_id', '=', id)
        .executeTakeFirst()
      return row && decodeDebris(id, row)
    },
    remove: async id => {
      await step.run(noDebris, { id })
    },
    ofJob: async id => {
      const rows = await step.q
        .selectFrom('debris')
        .select(['attempt_id', 'record'])
        .where('delete_job_id', '=', id)
        .orderBy('attempt_id')
        .execute()
      return rows.map(row => decodeDebris(row.attempt_id, row))
    },
  }
}
