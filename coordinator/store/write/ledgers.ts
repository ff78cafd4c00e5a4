import { keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import { prepared } from '../prepared.ts'
import type { Schema } from '../schema.ts'
import type { Step } from '../step.ts'

const oneRequest = prepared<{ readonly id: string }, { readonly answer: string }>(['id'], (db, { id }) =>
  db.selectFrom('requests').select('answer').where('request_id', '=', id),
)

const oneResult = prepared<{ readonly id: string }, { readonly disposition: string }>(['id'], (db, { id }) =>
  db.selectFrom('results').select('disposition').where('result_id', '=', id),
)

const putResult = prepared<Schema['results'], unknown>(
  ['result_id', 'at', 'disposition'],
  (db, { result_id, ...row }) =>
    db
      .insertInto('results')
      .values({ result_id, ...row })
      .onConflict(oc => oc.column('result_id').doUpdateSet(row)),
)

/** Answers already given, by request id. */
export function requestWrites(step: Step): WriteTx['requests'] {
  return {
    get: async requestId => {
      const row = await step.first(oneRequest, { id: keyText(requestId) })
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
      const row = await step.first(oneResult, { id: keyText(resultId) })
      return row?.disposition
    },
    put: async (resultId, at, disposition) => {
      await step.run(putResult, { result_id: keyText(resultId), at, disposition })
    },
  }
}
