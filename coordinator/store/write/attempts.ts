import { AppError } from '../../../shared/errors/index.ts'
import { encode } from '../decode.ts'
import type { WriteTx } from '../port.ts'
import { prepared } from '../prepared.ts'
import type { AttemptRecord } from '../records.ts'
import type { Schema } from '../schema.ts'
import { decodeAttempt } from '../shapes.ts'
import type { Step } from '../step.ts'

const one = prepared<{ readonly id: string }, { readonly record: string }>(['id'], (db, { id }) =>
  db.selectFrom('attempts').select('record').where('id', '=', id),
)

const inserted = prepared<Schema['attempts'], unknown>(
  ['id', 'job_id', 'epoch', 'format', 'record'],
  (db, row) => db.insertInto('attempts').values(row),
)

const changed = prepared<Pick<Schema['attempts'], 'id' | 'format' | 'record'>, { readonly id: string }>(
  ['id', 'format', 'record'],
  (db, { id, ...row }) => db.updateTable('attempts').set(row).where('id', '=', id).returning('id'),
)

/** Attempts inside a step. */
export function attemptWrites(step: Step): WriteTx['attempts'] {
  const key = (id: string) => `attempts ${id}`
  return {
    insert: async attempt => {
      const { id, jobId, epoch } = attempt
      await step.run(inserted, { id, job_id: jobId, epoch, ...encode(attempt) })
      step.known.set(key(id), attempt)
    },
    get: async id => {
      const known = step.known.get(key(id)) as AttemptRecord | undefined
      if (known !== undefined) return known
      const row = await step.first(one, { id })
      const attempt = row && decodeAttempt(id, row)
      if (attempt !== undefined) step.known.set(key(id), attempt)
      return attempt
    },
    update: async attempt => {
      const { id } = attempt
      const row = { id, ...encode(attempt) }
      // one that was read here is there
      if (step.known.has(key(id))) await step.run(changed, row)
      else if ((await step.first(changed, row)) === undefined)
        throw new AppError('not-found', { context: { attempt_id: id } })
      step.known.set(key(id), attempt)
    },
  }
}

/** Decisions inside a step: appended only, written with the batch. */
export function decisionWrites(step: Step): WriteTx['decisions'] {
  return {
    append: async decisions => {
      step.assertOpen()
      step.decisions.push(...decisions)
    },
  }
}
