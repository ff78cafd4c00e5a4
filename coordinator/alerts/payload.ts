import { isoOf } from '../../shared/time/index.ts'
import type { AlertRecord } from '../store/records.ts'

/** What an alert event says to a channel, as stored in the outbox (JSON) and documented in docs/reference/webhook.md. */
export interface AlertPayload {
  readonly version: 1
  readonly event: 'opened' | 'resolved'
  readonly alert: {
    readonly id: string
    readonly kind: string
    readonly severity: 'info' | 'warning' | 'critical'
    readonly dedup_key: string
    readonly summary: string
    readonly facts: Readonly<Record<string, string>>
    /** ISO 8601, UTC. */
    readonly opened_at: string
    readonly resolved_at?: string
  }
}

/** Built once, when the alert changes: every retry sends the same bytes. `summary` is the event's own. */
export function payloadOf(event: 'opened' | 'resolved', alert: AlertRecord, summary: string): string {
  const payload: AlertPayload = {
    version: 1,
    event,
    alert: {
      id: alert.id,
      kind: alert.kind,
      severity: alert.severity,
      dedup_key: alert.dedupKey,
      summary,
      facts: alert.facts,
      opened_at: isoOf(alert.openedAt),
      ...(alert.resolvedAt === undefined ? {} : { resolved_at: isoOf(alert.resolvedAt) }),
    },
  }
  return JSON.stringify(payload)
}
