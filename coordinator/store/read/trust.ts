import { keyText } from '../key-text.ts'
import { type ListOrder, pageOf } from '../page.ts'
import type { ReadModel } from '../port.ts'
import type { Database } from '../schema.ts'
import { decodeApproval, decodeToken } from '../shapes.ts'

const newestToken: ListOrder = {
  list: 'tokens',
  columns: ['created_at', 'id'],
  form: ['int', 'text'],
  direction: 'desc',
}

const newestApproval: ListOrder = {
  list: 'approvals',
  columns: ['asked_at', 'id'],
  form: ['int', 'text'],
  direction: 'desc',
}

/** Tokens of operators and approvals, newest first. */
export function trustReads(db: Database): Pick<ReadModel, 'tokens' | 'liveTokens' | 'approvals'> {
  return {
    tokens: page =>
      pageOf(
        db.selectFrom('tokens').select(['id', 'created_at', 'record']),
        newestToken,
        page,
        row => [row.created_at, row.id],
        row => decodeToken(row.id, row),
      ),
    liveTokens: async at => {
      const rows = await db
        .selectFrom('tokens')
        .select(['id', 'record'])
        .where('live_until', '>', at)
        .orderBy('live_until')
        .execute()
      return rows.map(row => decodeToken(row.id, row))
    },
    approvals: (page, { state }) =>
      pageOf(
        db
          .selectFrom('approvals')
          .select(['id', 'asked_at', 'record'])
          .$if(state !== undefined, q => q.where('state', '=', keyText(state ?? ''))),
        newestApproval,
        page,
        row => [row.asked_at, row.id],
        row => decodeApproval(row.id, row),
      ),
  }
}
