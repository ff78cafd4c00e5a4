import { sql } from 'kysely'
import { AppError } from '../../../shared/errors/index.ts'
import { encode } from '../decode.ts'
import { keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import { prepared } from '../prepared.ts'
import { messageOf } from '../read/alerts.ts'
import type { StoredMessage } from '../shapes.ts'
import { decodeAlert, decodeSilence } from '../shapes.ts'
import type { Step } from '../step.ts'

type Found = { readonly id: string; readonly record: string }

const openOfKey = prepared<{ readonly key: string }, Found>(['key'], (db, { key }) =>
  db
    .selectFrom('alerts')
    .select(['id', 'record'])
    .where('dedup_key', '=', key)
    .where('state', '=', sql.lit('open')),
)

const latestOfKey = prepared<{ readonly key: string }, Found>(['key'], (db, { key }) =>
  db
    .selectFrom('alerts')
    .select(['id', 'record'])
    .where('dedup_key', '=', key)
    .orderBy('opened_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1),
)

/** Alerts inside a step; one open alert per dedup key is a unique index. */
export function alertWrites(step: Step): WriteTx['alerts'] {
  return {
    openByKey: async key => {
      const row = await step.first(openOfKey, { key: keyText(key) })
      return row && decodeAlert(row.id, row)
    },
    latestByKey: async key => {
      const row = await step.first(latestOfKey, { key: keyText(key) })
      return row && decodeAlert(row.id, row)
    },
    get: async id => {
      const row = await step.q
        .selectFrom('alerts')
        .select(['id', 'record'])
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeAlert(row.id, row)
    },
    put: async alert => {
      const row = {
        dedup_key: keyText(alert.dedupKey),
        state: alert.state,
        opened_at: alert.openedAt,
        ...encode(alert),
      }
      await step.q
        .insertInto('alerts')
        .values({ id: alert.id, ...row })
        .onConflict(oc => oc.column('id').doUpdateSet(row))
        .execute()
    },
  }
}

/** Silences inside a step. */
export function silenceWrites(step: Step): WriteTx['silences'] {
  return {
    get: async id => {
      const row = await step.q
        .selectFrom('silences')
        .select(['id', 'record'])
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && decodeSilence(row.id, row)
    },
    put: async silence => {
      const row = { ends_at: silence.endsAt, ...encode(silence) }
      await step.q
        .insertInto('silences')
        .values({ id: silence.id, ...row })
        .onConflict(oc => oc.column('id').doUpdateSet(row))
        .execute()
    },
  }
}

/** The outbox inside a step. */
export function outboxWrites(step: Step): WriteTx['outbox'] {
  return {
    enqueue: async message => {
      await step.q
        .insertInto('outbox')
        .values(rowOf({ ...message, attempts: 0, state: 'pending' }))
        .execute()
    },
    pendingOpened: async (alertId, channel) => {
      const row = await step.q
        .selectFrom('outbox')
        .select(['id', 'record'])
        .where('alert_id', '=', alertId)
        .where('channel', '=', keyText(channel))
        .where('event', '=', 'opened')
        .where('state', '=', sql.lit('pending'))
        .orderBy('id')
        .executeTakeFirst()
      return row && messageOf(row)
    },
    pendingOf: async alertId => {
      const rows = await step.q
        .selectFrom('outbox')
        .select(['id', 'record'])
        .where('alert_id', '=', keyText(alertId))
        .where('state', '=', sql.lit('pending'))
        .orderBy('id')
        .execute()
      return rows.map(messageOf)
    },
    put: async message => {
      const { id, ...stored } = message
      const updated = await step.q
        .updateTable('outbox')
        .set(rowOf(stored))
        .where('id', '=', id)
        .returning('id')
        .executeTakeFirst()
      if (updated === undefined) throw new AppError('not-found', { context: { outbox_id: id } })
    },
  }
}

function rowOf(message: StoredMessage) {
  return {
    alert_id: message.alertId,
    dedup_key: keyText(message.dedupKey),
    channel: keyText(message.channel),
    event: message.event,
    state: message.state,
    next_attempt_at: message.nextAttemptAt,
    ...encode(message),
  }
}
