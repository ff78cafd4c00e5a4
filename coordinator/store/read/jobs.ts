import { sql } from 'kysely'
import type { Job } from '../../jobs/job.ts'
import { keyText } from '../key-text.ts'
import { type ListOrder, pageOfMany } from '../page.ts'
import type { ReadModel, Stretch } from '../port.ts'
import type { JobFilter } from '../records.ts'
import type { Database } from '../schema.ts'
import { decodeAttempt, decodeDecision, decodeJob } from '../shapes.ts'
import { boundsOf, fromEnd, partsOf } from '../stretch.ts'

const newestFirst: ListOrder = {
  list: 'jobs',
  columns: ['created_at', 'id'],
  form: ['int', 'text'],
  direction: 'desc',
}

const openAtOnce = 1_000
const decisionsShown = 1_000

/** Jobs (newest first), their attempts (by epoch) and decisions (the last 1,000, oldest first). */
export function jobReads(
  db: Database,
): Pick<ReadModel, 'job' | 'jobs' | 'openJobs' | 'attempts' | 'attempt' | 'decisions'> {
  return {
    job: async id => {
      const row = await db
        .selectFrom('jobs')
        .select('record')
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeJob(id, row)
    },
    jobs: async (page, filter) => {
      const found = await pageOfMany(
        partsOf(filter).map(part => filtered(db, part)),
        fromEnd(newestFirst, filter),
        page,
        row => [row.created_at, row.id],
        row => row.id,
      )
      return { ...found, items: await jobsOf(db, found.items) }
    },
    openJobs: async () => {
      const jobs: Job[] = []
      for (let after = ''; ; ) {
        const rows = await db
          .selectFrom('jobs')
          .select(['id', 'record'])
          .where('is_open', '=', sql.lit(1))
          .where('id', '>', after)
          .orderBy('id')
          .limit(openAtOnce)
          .execute()
        jobs.push(...rows.map(row => decodeJob(row.id, row)))
        const last = rows.at(-1)
        if (last === undefined || rows.length < openAtOnce) return jobs
        after = last.id
      }
    },
    attempts: async jobId => {
      const rows = await db
        .selectFrom('attempts')
        .select(['id', 'record'])
        .where('job_id', '=', keyText(jobId))
        .orderBy('epoch')
        .execute()
      return rows.map(row => decodeAttempt(row.id, row))
    },
    attempt: async id => {
      const row = await db
        .selectFrom('attempts')
        .select('record')
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeAttempt(id, row)
    },
    decisions: async jobId => {
      const rows = await db
        .selectFrom('decisions')
        .select(['seq', 'record'])
        .where('job_id', '=', keyText(jobId))
        .orderBy('seq', 'desc')
        .limit(decisionsShown)
        .execute()
      return rows.reverse().map(row => decodeDecision(row.seq, row))
    },
  }
}

/** Jobs in the order of their ids here: keys are read off an index, rows are fetched for what is shown only. */
async function jobsOf(db: Database, ids: readonly string[]): Promise<readonly Job[]> {
  if (ids.length === 0) return []
  const rows = await db.selectFrom('jobs').select(['id', 'record']).where('id', 'in', ids).execute()
  const records = new Map(rows.map(row => [row.id, decodeJob(row.id, row)]))
  return ids.flatMap(id => records.get(id) ?? [])
}

function filtered(db: Database, filter: JobFilter & Stretch) {
  let query = db.selectFrom('jobs').select(['id', 'created_at'])
  if (filter.state !== undefined) query = query.where('state', '=', keyText(filter.state))
  if (filter.open !== undefined) query = query.where('is_open', '=', sql.lit(filter.open ? 1 : 0))
  if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind)
  if (filter.databaseId !== undefined) query = query.where('database_id', '=', keyText(filter.databaseId))
  if (filter.clusterId !== undefined) query = query.where('cluster_id', '=', keyText(filter.clusterId))
  for (const [sign, at] of boundsOf(filter)) query = query.where('created_at', sign, at)
  return query
}
