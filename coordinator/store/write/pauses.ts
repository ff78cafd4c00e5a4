import { encode } from '../decode.ts'
import { keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import { decodePause } from '../shapes.ts'
import type { Step } from '../step.ts'

/** Pauses inside a step. */
export function pauseWrites(step: Step): WriteTx['pauses'] {
  return {
    get: async key => {
      const row = await step.q
        .selectFrom('pauses')
        .select(['key', 'record'])
        .where('key', '=', keyText(key))
        .executeTakeFirst()
      return row && decodePause(row.key, row)
    },
    put: async pause => {
      const row = encode(pause)
      await step.q
        .insertInto('pauses')
        .values({ key: pause.key, ...row })
        .onConflict(oc => oc.column('key').doUpdateSet(row))
        .execute()
    },
    remove: async key => {
      await step.q.deleteFrom('pauses').where('key', '=', keyText(key)).execute()
    },
  }
}
