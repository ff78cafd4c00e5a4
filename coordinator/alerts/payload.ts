import { isoOf } from '../../shared/time/index.ts'
import type { AlertEvent, AlertRecord, Labels } from '../store/records.ts'

/** What an alert event says to a channel, as stored in the outbox (JSON) and documented in docs/reference/webhook.md. */
export interface AlertPayload {
  readonly version: 1
  readonly event: AlertEvent
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
    /** What it is about, by the keys of a selector. */
    readonly labels?: Labels
    /** Open alerts it explains; people are not told of these singly. */
    readonly explains?: { readonly count: number; readonly summaries: readonly string[] }
  }
}

/** Built once, when the alert changes: every retry sends the same bytes. `summary` is the event's own. */
export function payloadOf(
  event: AlertEvent,
  alert: AlertRecord,
  summary: string,
  explains?: { readonly count: number; readonly summaries: readonly string[] },
): string {
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
      ...(alert.labels === undefined ? {} : { labels: alert.labels }),
      ...(explains === undefined || explains.count === 0 ? {} : { explains }),
    },
  }
  return JSON.stringify(payload)
}
