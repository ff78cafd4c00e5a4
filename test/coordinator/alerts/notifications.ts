import type { AlertPayload, Notification } from '../../../coordinator/alerts/index.ts'

/** What a channel is handed about a breach whose database has an awkward name. */
export function notification(
  event: Notification['event'] = 'opened',
  more: Partial<AlertPayload['alert']> = {},
): Notification {
  const payload: AlertPayload = {
    version: 1,
    event,
    alert: {
      id: 'alr_1',
      kind: 'rpo-breach',
      severity: 'critical',
      dedup_key: 'breach/dbs_1',
      summary: 'orders/<b>shop</b> & <!channel> has no good backup inside its RPO',
      facts: { database: 'orders/<b>shop</b>', reason: 'overdue' },
      opened_at: '2026-11-02T08:00:00.000Z',
      ...(event === 'resolved' ? { resolved_at: '2026-11-02T09:00:00.000Z' } : {}),
      labels: { datacenter: ['ams'], service: ['orders'] },
      explains: { count: 12, summaries: ['one', 'two'] },
      ...more,
    },
  }
  return {
    idempotencyKey: `alr_1.${event}`,
    dedupKey: 'breach/dbs_1',
    event,
    body: JSON.stringify(payload),
    payload,
    attempt: 1,
  }
}
