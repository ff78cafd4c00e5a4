import { encode } from '../decode.ts'
import type { WriteTx } from '../port.ts'
import type { Step } from '../step.ts'

/** Judgements of backups inside a step: history, never changed. */
export function verificationWrites(step: Step): WriteTx['verifications'] {
  return {
    append: async verification => {
      const { id, backupId, databaseId, clusterId, at, verdict } = verification
      await step.q
        .insertInto('verifications')
        .values({
          id,
          backup_id: backupId,
          database_id: databaseId,
          cluster_id: clusterId,
          at,
          verdict,
          ...encode(verification),
        })
        .onConflict(oc => oc.column('id').doNothing())
        .execute()
    },
  }
}
