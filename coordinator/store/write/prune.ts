import { sql } from 'kysely'
import type { Prune, WriteTx } from '../port.ts'
import type { Step } from '../step.ts'

const mostRows = 1_000

/** Removes old rows inside a step: found by an index on their time, oldest first, so that a call is short. */
export function pruneWrites(step: Step): WriteTx['prune'] {
  return {
    requests: async options => {
      const old = step.q
        .selectFrom('requests')
        .select('request_id')
        .where('at', '<', options.before)
        .orderBy('at')
        .limit(rowsOf(options))
      return removed(await step.q.deleteFrom('requests').where('request_id', 'in', old).execute())
    },
    results: async options => {
      const old = step.q
        .selectFrom('results')
        .select('result_id')
        .where('at', '<', options.before)
        .orderBy('at')
        .limit(rowsOf(options))
      return removed(await step.q.deleteFrom('results').where('result_id', 'in', old).execute())
    },
    outbox: async options => {
      const old = step.q
        .selectFrom('outbox')
        .select('id')
        .where('state', 'in', [sql.lit('delivered'), sql.lit('cancelled')])
        .where('next_attempt_at', '<', options.before)
        .orderBy('next_attempt_at')
        .orderBy('id')
        .limit(rowsOf(options))
      return removed(await step.q.deleteFrom('outbox').where('id', 'in', old).execute())
    },
    decisions: async options => {
      const limit = rowsOf(options)
      // their order is that of time: those of jobs still at work are stepped over, and the first young row ends it
      const rows = await step.q
        .selectFrom('decisions')
        .leftJoin('jobs', 'jobs.id', 'decisions.job_id')
        .select(['decisions.seq', 'decisions.record', 'jobs.ended_at'])
        .where('decisions.seq', '>', options.after ?? 0)
        .orderBy('decisions.seq')
        .limit(limit)
        .execute()
      const old = rows.filter(row => row.ended_at !== null && row.ended_at < options.before)
      if (old.length > 0)
        await step.q
          .deleteFrom('decisions')
          .where(
            'seq',
            'in',
            old.map(row => row.seq),
          )
          .execute()
      const last = rows.at(-1)
      const more = last !== undefined && rows.length === limit && writtenAt(last.record) < options.before
      return { removed: old.length, ...(more ? { next: last.seq } : {}) }
    },
  }
}

function rowsOf({ limit }: Prune): number {
  return Math.min(Math.max(Math.trunc(limit) || 1, 1), mostRows)
}

function removed(results: readonly { readonly numDeletedRows: bigint }[]): number {
  return results.reduce((sum, each) => sum + Number(each.numDeletedRows), 0)
}

/** When a decision was made; a row that cannot be read ends no look. */
function writtenAt(record: string): number {
  try {
    const { at } = JSON.parse(record) as { readonly at?: unknown }
    return typeof at === 'number' ? at : 0
  } catch {
    return 0
  }
}
