import { keyText } from '../key-text.ts'
import { type ListOrder, pageOf, pageOfMany } from '../page.ts'
import type { ReadModel, Stretch } from '../port.ts'
import type { BackupFilter, BackupRecord, CopyRecord } from '../records.ts'
import type { Database } from '../schema.ts'
import {
  decodeBackup,
  decodeBrakeRelease,
  decodeDebris,
  decodeDeletedBackup,
  decodeMissingCopy,
} from '../shapes.ts'
import { boundsOf, fromEnd, partsOf } from '../stretch.ts'

const longestMissing: ListOrder = {
  list: 'missing-copies',
  columns: ['missing_copies.since', 'missing_copies.backup_id', 'missing_copies.destination'],
  form: ['int', 'text', 'text'],
  direction: 'asc',
}

const longestLeaving: ListOrder = {
  list: 'leaving-backups',
  columns: ['leaving_since', 'id'],
  form: ['int', 'text'],
  direction: 'asc',
}

const lastDeletedFirst: ListOrder = {
  list: 'deleted-backups',
  columns: ['deleted_at', 'id'],
  form: ['int', 'text'],
  direction: 'desc',
}

/** One backup with manifest and copies, by id or attempt; inside a step or beside it. */
export async function wholeBackup(
  db: Database,
  column: 'id' | 'attempt_id',
  value: string,
): Promise<BackupRecord | undefined> {
  const row = await db
    .selectFrom('backups')
    .select(['id', 'manifest', 'record'])
    .where(column, '=', keyText(value))
    .executeTakeFirst()
  if (row === undefined) return undefined
  const copies = await copiesOf(db, [row.id])
  return {
    ...decodeBackup(row.id, row),
    manifest: new Uint8Array(row.manifest),
    copies: copies.get(row.id) ?? [],
  }
}

/** The newest backups of a database by commit, without manifests. */
export async function newestBackups(
  db: Database,
  databaseId: string,
  limit: number,
): Promise<readonly BackupRecord[]> {
  const rows = await db
    .selectFrom('backup_databases')
    .innerJoin('backups', 'backups.id', 'backup_databases.backup_id')
    .select(['backups.id', 'backups.record'])
    .where('backup_databases.database_id', '=', keyText(databaseId))
    .orderBy('backup_databases.committed_at', 'desc')
    .orderBy('backup_databases.backup_id', 'desc')
    .limit(limit)
    .execute()
  return withCopies(db, rows)
}

async function withCopies(
  db: Database,
  rows: readonly { readonly id: string; readonly record: string }[],
): Promise<readonly BackupRecord[]> {
  const copies = await copiesOf(
    db,
    rows.map(row => row.id),
  )
  return rows.map(row => ({
    ...decodeBackup(row.id, row),
    manifest: new Uint8Array(0),
    copies: copies.get(row.id) ?? [],
  }))
}

/** Backups, newest first (by commit), those that leave or left, and debris. */
export function backupReads(
  db: Database,
): Pick<
  ReadModel,
  | 'backup'
  | 'backups'
  | 'leavingBackups'
  | 'leavingCounts'
  | 'deletedBackup'
  | 'deletedBackups'
  | 'lastBrakeRelease'
  | 'missingCopies'
  | 'copiesMissingSince'
  | 'missingCounts'
  | 'debris'
> {
  return {
    backup: id => wholeBackup(db, 'id', id),
    backups: async (page, filter) => {
      const parts = partsOf(filter)
      const key = (row: { readonly sorted: number; readonly id: string }) => [row.sorted, row.id]
      const found = parts.every(part => part.databaseId === undefined)
        ? await pageOfMany(
            parts.map(part => along(db, part)),
            orderOf(filter),
            page,
            key,
            row => row.id,
          )
        : await pageOfMany(
            parts.map(part => ofDatabase(db, part)),
            orderOf(filter, true),
            page,
            key,
            row => row.id,
          )
      return { ...found, items: await listed(db, found.items) }
    },
    leavingBackups: async (page, how) => {
      const found = await pageOf(
        db
          .selectFrom('backups')
          .select(['id', 'leaving_since', 'record'])
          .where('leaving', '=', how)
          .where('leaving', 'is not', null),
        longestLeaving,
        page,
        row => [row.leaving_since ?? 0, row.id],
        row => row,
      )
      return { ...found, items: await withCopies(db, found.items) }
    },
    leavingCounts: async () => {
      const rows = await db
        .selectFrom('backups')
        .select(['leaving', eb => eb.fn.countAll<number>().as('count')])
        .where('leaving', 'is not', null)
        .groupBy('leaving')
        .execute()
      return new Map(rows.map(({ leaving, count }) => [leaving ?? '', Number(count)]))
    },
    deletedBackup: async id => {
      const row = await db
        .selectFrom('deleted_backups')
        .select(['id', 'record'])
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeDeletedBackup(row.id, row)
    },
    deletedBackups: (page, { databaseId }) =>
      pageOf(
        db
          .selectFrom('deleted_backups')
          .select(['id', 'deleted_at', 'record'])
          .$if(databaseId !== undefined, q => q.where('database_id', '=', keyText(databaseId ?? ''))),
        lastDeletedFirst,
        page,
        row => [row.deleted_at, row.id],
        row => decodeDeletedBackup(row.id, row),
      ),
    lastBrakeRelease: async () => {
      const row = await db
        .selectFrom('brake_releases')
        .select(['at', 'record'])
        .where('at', '>=', 0)
        .orderBy('at', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row && decodeBrakeRelease(row.at, row)
    },
    missingCopies: async limit => {
      const rows = await db
        .selectFrom('missing_copies')
        .innerJoin('backups', 'backups.id', 'missing_copies.backup_id')
        .select(['backups.id', 'backups.record as backup', 'missing_copies.record'])
        .orderBy('missing_copies.since')
        .orderBy('missing_copies.backup_id')
        .orderBy('missing_copies.destination')
        .limit(limit)
        .execute()
      return rows.map(row => ({
        backup: decodeBackup(row.id, { record: row.backup }),
        copy: decodeMissingCopy(row.id, row),
      }))
    },
    copiesMissingSince: (page, atMost) =>
      pageOf(
        db
          .selectFrom('missing_copies')
          .innerJoin('backups', 'backups.id', 'missing_copies.backup_id')
          .select([
            'backups.id',
            'missing_copies.since',
            'missing_copies.destination',
            'backups.record as backup',
            'missing_copies.record',
          ])
          .where('missing_copies.since', '<=', atMost),
        longestMissing,
        page,
        row => [row.since, row.id, row.destination],
        row => ({
          backup: decodeBackup(row.id, { record: row.backup }),
          copy: decodeMissingCopy(row.id, row),
        }),
      ),
    missingCounts: async () => {
      const rows = await db
        .selectFrom('missing_copies')
        .select(['state', eb => eb.fn.countAll<number>().as('count')])
        .groupBy('state')
        .execute()
      return new Map(rows.map(({ state, count }) => [state, Number(count)]))
    },
    debris: async () => {
      const rows = await db
        .selectFrom('debris')
        .select(['attempt_id', 'record'])
        .orderBy('found_at')
        .orderBy('attempt_id')
        .execute()
      return rows.map(row => decodeDebris(row.attempt_id, row))
    },
  }
}

type Filter = BackupFilter & Stretch

/** The column a list of backups is sorted by. */
const sortedBy = { size: 'stored_bytes', duration: 'took', time: 'committed_at' } as const

/** @param ofDatabases whether it is read along the table of what each database has */
function orderOf(filter: Filter, ofDatabases = false): ListOrder {
  const by = filter.order ?? 'time'
  const order: ListOrder = {
    list: by === 'time' ? 'backups' : `backups-by-${by}`,
    columns:
      ofDatabases && by === 'time'
        ? ['backup_databases.committed_at', 'backup_databases.backup_id']
        : [`backups.${sortedBy[by]}`, 'backups.id'],
    form: ['int', 'text'],
    direction: 'desc',
  }
  return by === 'time' ? fromEnd(order, filter) : order
}

function along(db: Database, filter: Filter) {
  return db
    .selectFrom('backups')
    .select('id')
    .select(eb => eb.ref(sortedBy[filter.order ?? 'time']).as('sorted'))
    .$if(filter.clusterId !== undefined, q => q.where('cluster_id', '=', keyText(filter.clusterId ?? '')))
    .where(eb => eb.and(boundsOf(filter).map(([sign, at]) => eb('committed_at', sign, at))))
}

function ofDatabase(db: Database, filter: Filter) {
  return db
    .selectFrom('backup_databases')
    .innerJoin('backups', 'backups.id', 'backup_databases.backup_id')
    .select('backup_databases.backup_id as id')
    .select(eb =>
      eb
        .ref(
          filter.order === undefined ? 'backup_databases.committed_at' : `backups.${sortedBy[filter.order]}`,
        )
        .as('sorted'),
    )
    .where('backup_databases.database_id', '=', keyText(filter.databaseId ?? ''))
    .$if(filter.clusterId !== undefined, q =>
      q.where('backups.cluster_id', '=', keyText(filter.clusterId ?? '')),
    )
    .where(eb => eb.and(boundsOf(filter).map(([sign, at]) => eb('backup_databases.committed_at', sign, at))))
}

/** Backups in the order of their ids here, without manifests: rows are fetched for what is shown only. */
async function listed(db: Database, ids: readonly string[]): Promise<readonly BackupRecord[]> {
  if (ids.length === 0) return []
  const rows = await db.selectFrom('backups').select(['id', 'record']).where('id', 'in', ids).execute()
  const copies = await copiesOf(db, ids)
  const records = new Map(rows.map(row => [row.id, decodeBackup(row.id, row)]))
  return ids.flatMap(id => {
    const record = records.get(id)
    return record === undefined
      ? []
      : [{ ...record, manifest: new Uint8Array(0), copies: copies.get(id) ?? [] }]
  })
}

async function copiesOf(db: Database, ids: readonly string[]): Promise<Map<string, CopyRecord[]>> {
  const copies = new Map<string, CopyRecord[]>()
  if (ids.length === 0) return copies
  const add = (id: string, copy: CopyRecord) => {
    const list = copies.get(id)
    if (list === undefined) copies.set(id, [copy])
    else list.push(copy)
  }
  const present = await db
    .selectFrom('copies')
    .selectAll()
    .where('backup_id', 'in', ids)
    .orderBy('backup_id')
    .orderBy('destination')
    .execute()
  for (const row of present)
    add(row.backup_id, {
      destination: row.destination,
      url: row.url,
      manifestKey: row.manifest_key,
      state: 'present',
      ...(row.verified_at === null ? {} : { verifiedAt: row.verified_at }),
    })
  const missing = await db
    .selectFrom('missing_copies')
    .select(['backup_id', 'record'])
    .where('backup_id', 'in', ids)
    .orderBy('backup_id')
    .orderBy('destination')
    .execute()
  for (const row of missing) add(row.backup_id, decodeMissingCopy(row.backup_id, row))
  return copies
}
