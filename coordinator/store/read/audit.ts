import type { Selectable } from 'kysely'
import { AppError } from '../../../shared/errors/index.ts'
import { keyText } from '../key-text.ts'
import { type ListOrder, largestPage, pageOf } from '../page.ts'
import type { ReadModel } from '../port.ts'
import type { AuditEntry, AuditRecord } from '../records.ts'
import type { Database, Schema } from '../schema.ts'
import { totals } from '../totals.ts'

const inChain: ListOrder = { list: 'audit', columns: ['seq'], form: ['int'], direction: 'desc' }
const inTime: ListOrder = {
  list: 'audit-by-time',
  columns: ['at', 'seq'],
  form: ['int', 'int'],
  direction: 'desc',
}

/** A token of one direction would leave out rows in the other. */
const oldestFirst = { list: 'audit-oldest-first', direction: 'asc' } as const

/** The audit: lists newest first, the chain in order from a given row. */
export function auditReads(db: Database): Pick<ReadModel, 'audit' | 'auditFrom' | 'auditTotal'> {
  return {
    audit: (page, filter) => {
      let query = db.selectFrom('audit').selectAll()
      if (filter.actor !== undefined) query = query.where('actor', '=', keyText(filter.actor))
      if (filter.action !== undefined) query = query.where('action', '=', keyText(filter.action))
      if (filter.subject !== undefined) query = query.where('subject', '=', keyText(filter.subject))
      if (filter.since !== undefined) query = query.where('at', '>=', filter.since)
      if (filter.until !== undefined) query = query.where('at', '<', filter.until)
      const timed = filter.since !== undefined || filter.until !== undefined
      const order = { ...(timed ? inTime : inChain), ...(filter.oldestFirst === true ? oldestFirst : {}) }
      return pageOf(query, order, page, row => (timed ? [row.at, row.seq] : [row.seq]), recordOf)
    },
    auditFrom: async (afterSeq, limit) => {
      const rows = await db
        .selectFrom('audit')
        .selectAll()
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(Math.min(limit, largestPage))
        .execute()
      return rows.map(recordOf)
    },
    auditTotal: async () => {
      const row = await db
        .selectFrom('counters')
        .select('value')
        .where('name', '=', totals.audit)
        .executeTakeFirst()
      return row?.value ?? 0
    },
  }
}

function recordOf(row: Selectable<Schema['audit']>): AuditRecord {
  const { prev_hash: prevHash, detail, class: ofClass, ...rest } = row
  // An unknown class is left as it is: the hash speaks of what is stored
  return { ...rest, class: ofClass as AuditEntry['class'], detail: detailOf(row.seq, detail), prevHash }
}

function detailOf(seq: number, text: string): AuditRecord['detail'] {
  try {
    const detail: unknown = JSON.parse(text)
    if (typeof detail === 'object' && detail !== null && !Array.isArray(detail))
      return detail as AuditRecord['detail']
  } catch {
    // said below
  }
  throw new AppError('store.corrupt', { context: { table: 'audit', id: seq, detail: 'detail is no object' } })
}
