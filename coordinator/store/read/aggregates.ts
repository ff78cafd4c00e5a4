import { sql } from 'kysely'
import type { Aggregates, ReadModel } from '../port.ts'
import type { Database } from '../schema.ts'
import { endedTotal, isTotal, protectionTotal, suffixOf, totals } from '../totals.ts'

const day = 86_400_000

/** Counters and aggregates: sums kept by the writer; only open jobs and the last day's are counted. */
export function aggregateReads(db: Database): Pick<ReadModel, 'counters' | 'aggregates'> {
  const all = async () => {
    const rows = await db.selectFrom('counters').select(['name', 'value']).execute()
    return new Map(rows.map(row => [row.name, row.value]))
  }
  return {
    counters: async () => new Map([...(await all())].filter(([name]) => !isTotal(name))),
    aggregates: async now => {
      const sums = await all()
      const open = await db
        .selectFrom('jobs')
        .select(['state', eb => eb.fn.countAll<number>().as('count')])
        .where('is_open', '=', sql.lit(1))
        .groupBy('state')
        .execute()
      // sums and no groups: for those SQLite walks every job there ever was in the order of their states
      const ended = await db
        .selectFrom('jobs')
        .select(eb => [
          eb.fn.sum<number>(eb.case().when('state', '=', 'succeeded').then(1).else(0).end()).as('succeeded'),
          eb.fn.sum<number>(eb.case().when('state', '=', 'failed').then(1).else(0).end()).as('failed'),
        ])
        .where('ended_at', '>', now - day)
        .executeTakeFirst()
      const jobs = { ...withPrefix(sums, endedTotal('')) }
      for (const { state, count } of open) jobs[state] = count
      return {
        instances: sums.get(totals.instances) ?? 0,
        databases: sums.get(totals.databases) ?? 0,
        protection: withPrefix(sums, protectionTotal('')),
        jobs,
        backups: sums.get(totals.backups) ?? 0,
        storedBytes: sums.get(totals.storedBytes) ?? 0,
        succeeded24h: ended?.succeeded ?? 0,
        failed24h: ended?.failed ?? 0,
      } satisfies Aggregates
    },
  }
}

function withPrefix(sums: ReadonlyMap<string, number>, prefix: string): Record<string, number> {
  const found: Record<string, number> = {}
  for (const [name, value] of sums) {
    const suffix = suffixOf(name, prefix)
    if (suffix !== undefined && value !== 0) found[suffix] = value
  }
  return found
}
