import { keyText } from '../key-text.ts'
import { type ListOrder, pageOf, pageOfMany } from '../page.ts'
import type { ReadModel, Stretch } from '../port.ts'
import type { VerificationFilter } from '../records.ts'
import type { Database } from '../schema.ts'
import { decodeDatabase, decodeDatabaseState, decodeVerification } from '../shapes.ts'
import { boundsOf, fromEnd, partsOf } from '../stretch.ts'

const newestFirst: ListOrder = {
  list: 'verifications',
  columns: ['at', 'id'],
  form: ['int', 'text'],
  direction: 'desc',
}

const byReason: ListOrder = {
  list: 'verification-gaps',
  columns: ['s.verification_gap', 's.database_id'],
  form: ['text', 'text'],
  direction: 'asc',
}

/** Judgements of backups, and the databases that lack one. */
export function verificationReads(db: Database): Pick<ReadModel, 'verifications' | 'verificationGaps'> {
  return {
    verifications: (page, filter) =>
      pageOfMany(
        partsOf(filter).map(part => along(db, part)),
        fromEnd(newestFirst, filter),
        page,
        row => [row.at, row.id],
        row => decodeVerification(row.id, row),
      ),
    verificationGaps: page =>
      pageOf(
        db
          .selectFrom('database_states as s')
          // SQLite takes a cross join in the order it is written: along the index
          .crossJoin('databases as d')
          .select(['d.id', 'd.record', 's.record as state_record', 's.verification_gap'])
          .whereRef('d.id', '=', 's.database_id')
          .where('s.verification_gap', 'is not', null),
        byReason,
        page,
        row => [row.verification_gap ?? '', row.id],
        row => ({
          database: decodeDatabase(row.id, row),
          state: decodeDatabaseState(row.id, { record: row.state_record }),
        }),
      ),
  }
}

function along(db: Database, filter: VerificationFilter & Stretch) {
  const { databaseId, clusterId, backupId, verdict } = filter
  return db
    .selectFrom('verifications')
    .select(['id', 'at', 'record'])
    .$if(databaseId !== undefined, q => q.where('database_id', '=', keyText(databaseId ?? '')))
    .$if(clusterId !== undefined, q => q.where('cluster_id', '=', keyText(clusterId ?? '')))
    .$if(backupId !== undefined, q => q.where('backup_id', '=', keyText(backupId ?? '')))
    .$if(verdict !== undefined, q => q.where('verdict', '=', verdict ?? ''))
    .where(eb => eb.and(boundsOf(filter).map(([sign, at]) => eb('at', sign, at))))
}
