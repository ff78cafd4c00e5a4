import type { ReadModel } from '../port.ts'
import type { Database } from '../schema.ts'
import { decodePolicyRevision } from '../shapes.ts'

/** One text of policies: the last, or the one of a number. */
export function policyRevisionReads(db: Database): Pick<ReadModel, 'policyRevision'> {
  return {
    policyRevision: async revision => {
      const all = db.selectFrom('policy_revisions').select(['revision', 'record'])
      const row = await (revision === undefined
        ? all.orderBy('revision', 'desc').limit(1)
        : all.where('revision', '=', revision)
      ).executeTakeFirst()
      return row && decodePolicyRevision(String(row.revision), row)
    },
  }
}
