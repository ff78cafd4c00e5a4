import { encode } from '../decode.ts'
import { keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import { decodeApproval, decodeToken } from '../shapes.ts'
import type { Step } from '../step.ts'

/** Tokens of operators inside a step. */
export function tokenWrites(step: Step): WriteTx['tokens'] {
  return {
    get: async id => {
      const row = await step.q
        .selectFrom('tokens')
        .select(['id', 'record'])
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeToken(row.id, row)
    },
    put: async token => {
      const row = {
        ...encode(token),
        name: token.name,
        created_at: token.createdAt,
        // a revoked certificate still verifies: it must be known until it ends
        live_until: token.certificate === true ? token.expiresAt : (token.revokedAt ?? token.expiresAt),
      }
      await step.q
        .insertInto('tokens')
        .values({ id: token.id, ...row })
        .onConflict(oc => oc.column('id').doUpdateSet(row))
        .execute()
    },
  }
}

/** Approvals inside a step. */
export function approvalWrites(step: Step): WriteTx['approvals'] {
  return {
    get: async id => {
      const row = await step.q
        .selectFrom('approvals')
        .select(['id', 'record'])
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeApproval(row.id, row)
    },
    pending: async () => {
      const rows = await step.q
        .selectFrom('approvals')
        .select(['id', 'record'])
        .where('state', '=', keyText('pending'))
        .orderBy('asked_at')
        .orderBy('id')
        .execute()
      return rows.map(row => decodeApproval(row.id, row))
    },
    put: async approval => {
      const row = { ...encode(approval), state: approval.state, asked_at: approval.askedAt }
      await step.q
        .insertInto('approvals')
        .values({ id: approval.id, ...row })
        .onConflict(oc => oc.column('id').doUpdateSet(row))
        .execute()
    },
  }
}
