import { AppError } from '../../../shared/errors/index.ts'
import { encode } from '../decode.ts'
import type { WriteTx } from '../port.ts'
import { decodeAttempt } from '../shapes.ts'
import type { Step } from '../step.ts'

const rowsAStatement = 100

/** Attempts inside a step. */
export function attemptWrites(step: Step): WriteTx['attempts'] {
  return {
    insert: async attempt => {
      const { id, jobId, epoch } = attempt
      await step.q
        .insertInto('attempts')
        .values({ id, job_id: jobId, epoch, ...encode(attempt) })
        .execute()
    },
    get: async id => {
      const row = await step.q.selectFrom('attempts').select('record').where('id', '=', id).executeTakeFirst()
      return row && decodeAttempt(id, row)
    },
    update: async attempt => {
      const updated = await step.q
        .updateTable('attempts')
        .set(encode(attempt))
        .where('id', '=', attempt.id)
        .returning('id')
        .executeTakeFirst()
      if (updated === undefined) throw new AppError('not-found', { context: { attempt_id: attempt.id } })
    },
  }
}

/** Decisions inside a step: appended only. */
export function decisionWrites(step: Step): WriteTx['decisions'] {
  return {
    append: async decisions => {
      for (let at = 0; at < decisions.length; at += rowsAStatement) {
        const rows = decisions.slice(at, at + rowsAStatement)
        await step.q
          .insertInto('decisions')
          .values(rows.map(decision => ({ job_id: decision.jobId, ...encode(decision) })))
          .execute()
      }
    },
  }
}
