import { sql } from 'kysely'
import { keyText } from '../key-text.ts'
import { type ListOrder, pageOf } from '../page.ts'
import type { ReadModel } from '../port.ts'
import type { OutboxRecord } from '../records.ts'
import type { Database } from '../schema.ts'
import { decodeAlert, decodeMessage, decodeSilence } from '../shapes.ts'
import { boundsOf, fromEnd } from '../stretch.ts'

const newestFirst: ListOrder = {
  list: 'alerts',
  columns: ['opened_at', 'id'],
  form: ['int', 'text'],
  direction: 'desc',
}

/** Whether a record's JSON holds a text; maybe in another field, or in another case, so whoever asks looks again. */
function holds(text: string) {
  const json = JSON.stringify(text).slice(1, -1)
  const pattern = `%${json.replace(/[!%_]/g, '!$&')}%`
  return sql<boolean>`record like ${pattern} escape '!'`
}

/** A row of the outbox as a record. */
export function messageOf(row: { id: number; record: string }): OutboxRecord {
  return { ...decodeMessage(row.id, row), id: row.id }
}

/** Alerts, newest first, and the outbox in order. */
export function alertReads(
  db: Database,
): Pick<
  ReadModel,
  'alerts' | 'alert' | 'openAlerts' | 'silences' | 'outboxDue' | 'outboxCounts' | 'outboxOf'
> {
  return {
    alerts: (page, filter) =>
      pageOf(
        db
          .selectFrom('alerts')
          .select(['id', 'opened_at', 'record'])
          .$if(filter.state !== undefined, q => q.where('state', '=', keyText(filter.state ?? '')))
          .where(eb => eb.and(boundsOf(filter).map(([sign, at]) => eb('opened_at', sign, at))))
          .where(eb => eb.and((filter.texts ?? []).map(anyOf => eb.or(anyOf.map(text => holds(text)))))),
        fromEnd(newestFirst, filter),
        page,
        row => [row.opened_at, row.id],
        row => decodeAlert(row.id, row),
      ),
    openAlerts: async () => {
      const rows = await db
        .selectFrom('alerts')
        .select(['id', 'record'])
        .where('state', '=', sql.lit('open'))
        .orderBy('opened_at')
        .orderBy('id')
        .execute()
      return rows.map(row => decodeAlert(row.id, row))
    },
    alert: async id => {
      const row = await db
        .selectFrom('alerts')
        .select(['id', 'record'])
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeAlert(row.id, row)
    },
    silences: async endAfter => {
      const rows = await db
        .selectFrom('silences')
        .select(['id', 'record'])
        .where('ends_at', '>', endAfter)
        .orderBy('ends_at')
        .orderBy('id')
        .limit(1_000)
        .execute()
      return rows.map(row => decodeSilence(row.id, row))
    },
    outboxDue: async (now, limit, except = []) => {
      const rows = await db
        .selectFrom('outbox as message')
        .select(['message.id', 'message.record'])
        .where('message.state', '=', sql.lit('pending'))
        .where('message.next_attempt_at', '<=', now)
        .$if(except.length > 0, q => q.where('message.channel', 'not in', except.map(keyText)))
        .where(eb =>
          eb.not(
            eb.exists(
              eb
                .selectFrom('outbox as older')
                .select(sql.lit(1).as('one'))
                .whereRef('older.dedup_key', '=', 'message.dedup_key')
                .whereRef('older.channel', '=', 'message.channel')
                .where('older.state', '=', sql.lit('pending'))
                .whereRef('older.id', '<', 'message.id'),
            ),
          ),
        )
        .orderBy('message.id')
        .limit(limit)
        .execute()
      return rows.map(messageOf)
    },
    outboxCounts: async () => {
      const count = async (state: 'pending' | 'dead') => {
        const row = await db
          .selectFrom('outbox')
          .select(eb => eb.fn.countAll<number>().as('count'))
          .where('state', '=', sql.lit(state))
          .executeTakeFirstOrThrow()
        return row.count
      }
      return { pending: await count('pending'), dead: await count('dead') }
    },
    outboxOf: async alertId => {
      const rows = await db
        .selectFrom('outbox')
        .select(['id', 'record'])
        .where('alert_id', '=', keyText(alertId))
        .orderBy('id')
        .execute()
      return rows.map(messageOf)
    },
  }
}
