import { sql } from 'kysely'
import { AppError } from '../../../shared/errors/index.ts'
import type { JobId } from '../../../shared/model/identifiers.ts'
import { isEnded, type Job, subjectKey } from '../../jobs/job.ts'
import { encode } from '../decode.ts'
import { flag, keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import { type Prepared, prepared } from '../prepared.ts'
import type { Schema } from '../schema.ts'
import { decodeJob } from '../shapes.ts'
import type { Step } from '../step.ts'
import { endedTotal } from '../totals.ts'

type Row = Schema['jobs']

const one = prepared<Pick<Row, 'id'>, Pick<Row, 'record'>>(['id'], (db, { id }) =>
  db.selectFrom('jobs').select('record').where('id', '=', id),
)

const inserted = prepared<Row, Pick<Row, 'id'>>(
  [
    'id',
    'kind',
    'subject',
    'due_slot',
    'state',
    'is_open',
    'database_id',
    'cluster_id',
    'created_at',
    'ended_at',
    'format',
    'record',
  ],
  (db, row) =>
    db
      .insertInto('jobs')
      .values(row)
      .onConflict(oc =>
        oc.columns(['kind', 'subject', 'due_slot']).where('is_open', '=', sql.lit(1)).doNothing(),
      )
      .returning('id'),
)

const openOfSlot = prepared<Pick<Row, 'kind' | 'subject' | 'due_slot'>, Pick<Row, 'id' | 'record'>>(
  ['kind', 'subject', 'due_slot'],
  (db, { kind, subject, due_slot }) =>
    db
      .selectFrom('jobs')
      .select(['id', 'record'])
      .where('kind', '=', kind)
      .where('subject', '=', subject)
      .where('due_slot', '=', due_slot)
      .where('is_open', '=', sql.lit(1)),
)

const openOf = prepared<Pick<Row, 'kind' | 'subject'>, Pick<Row, 'id' | 'record' | 'created_at'>>(
  ['kind', 'subject'],
  (db, { kind, subject }) =>
    // no `order by created_at`: it lures the planner onto the index by creation, over every open job
    db
      .selectFrom('jobs')
      .select(['id', 'record', 'created_at'])
      .where('kind', '=', kind)
      .where('subject', '=', subject)
      .where('is_open', '=', sql.lit(1))
      .orderBy('due_slot'),
)

// Each index of a column that an update names is written anew, changed or not: so it names what changed
const bare = ['format', 'record'] as const
const states = ['state', 'is_open', 'ended_at', ...bare] as const
const all = ['kind', 'subject', 'due_slot', 'database_id', 'cluster_id', ...states] as const
const [updateRecord, updateState, updateAll] = [updating(bare), updating(states), updating(all)]

function updating(columns: readonly (keyof Row)[]): Prepared<Omit<Row, 'created_at'>, unknown> {
  return prepared<Omit<Row, 'created_at'>, unknown>(['id', ...all], (db, row) =>
    db
      .updateTable('jobs')
      .set(Object.fromEntries(columns.map(name => [name, row[name as keyof typeof row]])))
      .where('id', '=', row.id),
  )
}

/** Jobs inside a step. J9 is the unique index on open jobs; J1's one function decides what is written. */
export function jobWrites(step: Step): WriteTx['jobs'] {
  const key = (id: string) => `jobs ${id}`
  const get = async (id: JobId): Promise<Job | undefined> => {
    const known = step.known.get(key(id)) as Job | undefined
    if (known !== undefined) return known
    const row = await step.first(one, { id })
    const job = row && decodeJob(id, row)
    if (job !== undefined) step.known.set(key(id), job)
    return job
  }
  return {
    get,
    insert: async job => {
      const row = rowOf(job)
      const made = await step.first(inserted, { ...row, id: job.id, created_at: job.createdAt })
      if (made !== undefined) {
        if (isEnded(job.state)) step.add(endedTotal(job.state.kind), 1)
        step.known.set(key(job.id), job)
        return { job, inserted: true }
      }
      const open = await step.first(openOfSlot, row)
      if (open === undefined)
        throw new AppError('internal', { message: 'a job was refused for one that is not there' })
      return { job: decodeJob(open.id, open), inserted: false }
    },
    update: async job => {
      const before = await get(job.id)
      if (before === undefined) throw new AppError('not-found', { context: { job_id: job.id } })
      const [old, row] = [rowOf(before), rowOf(job)]
      const same = (names: readonly (keyof typeof row)[]) => names.every(name => old[name] === row[name])
      const statement = !same(['kind', 'subject', 'due_slot', 'database_id', 'cluster_id'])
        ? updateAll
        : same(['state', 'is_open', 'ended_at'])
          ? updateRecord
          : updateState
      await step.run(statement, { ...row, id: job.id })
      step.known.set(key(job.id), job)
      if (old.is_open === 1 && row.is_open === 0) step.add(endedTotal(row.state), 1)
    },
    openFor: async (kind, subject) => {
      const rows = await step.rows(openOf, { kind, subject: keyText(subject) })
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
