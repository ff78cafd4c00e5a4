import type { DestinationDay } from '../../trends/destination.ts'
import { keyText } from '../key-text.ts'
import { type ListOrder, pageOf } from '../page.ts'
import type { ReadModel } from '../port.ts'
import type { TrendOrder } from '../records.ts'
import type { Database, Schema } from '../schema.ts'
import { decodeDatabase, decodeDatabaseState, decodeHistory } from '../shapes.ts'

type Column = Exclude<keyof Schema['database_states'], 'database_id' | 'format' | 'record'>

const columns: Readonly<Record<TrendOrder, { readonly column: Column; readonly direction: 'asc' | 'desc' }>> =
  {
    size: { column: 'raw_bytes', direction: 'desc' },
    stored: { column: 'stored_bytes', direction: 'desc' },
    growth: { column: 'raw_growth', direction: 'desc' },
    duration: { column: 'duration', direction: 'desc' },
    'duration-growth': { column: 'duration_growth', direction: 'desc' },
    outgrows: { column: 'outgrows_at', direction: 'asc' },
  }

/** What is usual for databases and where they are going. */
export function trendReads(db: Database): Pick<ReadModel, 'databaseHistory' | 'destinationDays' | 'trends'> {
  return {
    databaseHistory: async id => {
      const row = await db
        .selectFrom('database_histories')
        .select('record')
        .where('database_id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeHistory(id, row)
    },
    destinationDays: async () => {
      const rows = await db
        .selectFrom('destination_days')
        .selectAll()
        .orderBy('destination')
        .orderBy('day')
        .execute()
      const days = new Map<string, DestinationDay[]>()
      for (const { destination, ...day } of rows)
        days.set(destination, [...(days.get(destination) ?? []), day])
      return days
    },
    trends: (page, order) => {
      const { column, direction } = columns[order]
      const sorted = `s.${column}` as const
      const list: ListOrder = {
        list: `trends-${order}`,
        columns: [sorted, 's.database_id'],
        form: ['int', 'text'],
        direction,
      }
      return pageOf(
        db
          .selectFrom('database_states as s')
          // SQLite takes a cross join in the order it is written: along the index that sorts
          .crossJoin('databases as d')
          .crossJoin('database_histories as h')
          .select(['d.id', 'd.record', 's.record as state_record', 'h.record as history_record'])
          .select(eb => eb.ref(sorted).as('sorted'))
          .whereRef('d.id', '=', 's.database_id')
          .whereRef('h.database_id', '=', 's.database_id')
          .where(sorted, 'is not', null)
          .where('d.gone', '=', 0),
        list,
        page,
        row => [row.sorted ?? 0, row.id],
        row => ({
          database: decodeDatabase(row.id, row),
          state: decodeDatabaseState(row.id, { record: row.state_record }),
          history: decodeHistory(row.id, { record: row.history_record }),
        }),
      )
    },
  }
}
