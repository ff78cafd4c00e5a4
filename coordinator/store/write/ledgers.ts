import { keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import type { Step } from '../step.ts'

/** Answers already given, by request id. */
export function requestWrites(step: Step): WriteTx['requests'] {
  return {
    get: async requestId => {
      const row = await step.q
        .selectFrom('requests')
        .select('answer')
        .where('request_id', '=', keyText(requestId))
        .executeTakeFirst()
      return row?.answer
    },
    put: async (requestId, at, answer) => {
      await step.q
        .insertInto('requests')
        .values({ request_id: keyText(requestId), at, answer })
        .execute()
    },
  }
}

/** Results already recorded, by result id. */
export function resultWrites(step: Step): WriteTx['results'] {
  return {
    get: async resultId => {
      const row = await step.q
        .selectFrom('results')
        .select('disposition')
        .where('result_id', '=', keyText(resultId))
        .executeTakeFirst()
      return row?.disposition
    },
    put: async (resultId, at, disposition) => {
      const row = { at, disposition }
      await step.q
        .insertInto('results')
        .values({ result_id: keyText(resultId), ...row })
        .onConflict(oc => oc.column('result_id').doUpdateSet(row))
        .execute()
    },
  }
}
