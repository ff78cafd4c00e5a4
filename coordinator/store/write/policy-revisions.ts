import { encode } from '../decode.ts'
import type { WriteTx } from '../port.ts'
import { decodePolicyRevision } from '../shapes.ts'
import type { Step } from '../step.ts'

/** Revisions of the policies inside a step. */
export function policyRevisionWrites(step: Step): WriteTx['policyRevisions'] {
  return {
    latest: async () => {
      const row = await step.q
        .selectFrom('policy_revisions')
        .select(['revision', 'record'])
        .orderBy('revision', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row && decodePolicyRevision(String(row.revision), row)
    },
    append: async revision => {
      await step.q
        .insertInto('policy_revisions')
        .values({ revision: revision.revision, ...encode(revision) })
        .execute()
    },
  }
}
