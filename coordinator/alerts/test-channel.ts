import type { AlertId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { AlertEvent, AlertRecord } from '../store/records.ts'
import type { Delivery, Notification, Notifier } from './notifier.ts'
import { type AlertPayload, payloadOf } from './payload.ts'

/** Sends a message that says it is a test; where that opens an incident, it is closed again at once. */
export async function testChannel(
  notifier: Notifier,
  { id, by, at }: { readonly id: AlertId; readonly by: string; readonly at: Millis },
  signal: AbortSignal,
): Promise<Delivery> {
  const alert: AlertRecord = {
    id,
    dedupKey: `test/${id}`,
    kind: 'test',
    severity: 'info',
    summary: 'TEST from Holdfast: nothing is wrong',
    facts: { channel: notifier.name, asked_by: by },
    state: 'open',
    openedAt: at,
  }
  const send = (event: AlertEvent) => notifier.deliver(testNotification(alert, event), signal)
  const opened = await send('opened')
  if (opened.kind === 'failed' || notifier.keepsIncidents !== true) return opened
  const closed = await notifier.deliver(
    testNotification({ ...alert, state: 'resolved', resolvedAt: at }, 'resolved'),
    signal,
  )
  return closed.kind === 'failed' ? closed : opened
}

function testNotification(alert: AlertRecord, event: AlertEvent): Notification {
  const body = payloadOf(event, alert, alert.summary)
  return {
    idempotencyKey: `${alert.id}.${event}`,
    dedupKey: alert.dedupKey,
    event,
    body,
    payload: JSON.parse(body) as AlertPayload,
    attempt: 1,
  }
}
