import { sql } from 'kysely'
import { AppError } from '../../../shared/errors/index.ts'
import { isEnded, type Job, subjectKey } from '../../jobs/job.ts'
import { encode } from '../decode.ts'
import { flag, keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import { decodeJob } from '../shapes.ts'
import type { Step } from '../step.ts'
import { endedTotal } from '../totals.ts'

/** Jobs inside a step. J9 is the unique index on open jobs; J1's one function decides what is written. */
export function jobWrites(step: Step): WriteTx['jobs'] {
  return {
    get: async id => {
      const row = await step.q.selectFrom('jobs').select('record').where('id', '=', id).executeTakeFirst()
      return row && decodeJob(id, row)
    },
    insert: async job => {
      const row = rowOf(job)
      const inserted = await step.q
        .insertInto('jobs')
        .values({ ...row, id: job.id, created_at: job.createdAt })
        .onConflict(oc =>
          oc.columns(['kind', 'subject', 'due_slot']).where('is_open', '=', sql.lit(1)).doNothing(),
        )
        .returning('id')
        .executeTakeFirst()
      if (inserted !== undefined) {
        if (isEnded(job.state)) step.add(endedTotal(job.state.kind), 1)
        return { job, inserted: true }
      }
      const open = await step.q
        .selectFrom('jobs')
        .select(['id', 'record'])
        .where('kind', '=', row.kind)
        .where('subject', '=', row.subject)
        .where('due_slot', '=', row.due_slot)
        .where('is_open', '=', sql.lit(1))
        .executeTakeFirstOrThrow()
      return { job: decodeJob(open.id, open), inserted: false }
    },
    update: async job => {
      const before = await step.q
        .selectFrom('jobs')
        .select('is_open')
        .where('id', '=', job.id)
        .executeTakeFirst()
      if (before === undefined) throw new AppError('not-found', { context: { job_id: job.id } })
      const row = rowOf(job)
      await step.q.updateTable('jobs').set(row).where('id', '=', job.id).execute()
      if (before.is_open === 1 && row.is_open === 0) step.add(endedTotal(row.state), 1)
    },
    openFor: async (kind, subject) => {
      // no `order by created_at`: it lures the planner onto the index by creation, over every open job
      const rows = await step.q
        .selectFrom('jobs')
        .select(['id', 'record', 'created_at'])
        .where('kind', '=', kind)
        .where('subject', '=', keyText(subject))
        .where('is_open', '=', sql.lit(1))
        .orderBy('due_slot')
        .execute()
      const [row] = rows.toSorted((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1))
      return row && decodeJob(row.id, row)
    },
  }
}

function rowOf(job: Job) {
  const { subject, state } = job
  return {
    kind: job.kind,
    subject: keyText(subjectKey(subject)),
    due_slot: keyText(job.dueSlot),
    state: state.kind,
    is_open: flag(!isEnded(state)),
    database_id: subject.scope === 'database' ? subject.databaseId : null,
    cluster_id: subject.scope === 'destination' ? null : subject.clusterId,
    ended_at: 'endedAt' in state ? state.endedAt : null,
    ...encode(job),
  }
}
