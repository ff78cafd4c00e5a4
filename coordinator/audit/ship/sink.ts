import type { AuditRecord } from '../../store/records.ts'

/** Somewhere outside that takes copies of audit events. */
export interface AuditSink {
  /** `file` or `syslog`: in metrics, alerts, and the name of its position. */
  readonly kind: string
  /** For people: a path, an address. */
  readonly to: string
  /**
   * Hands over events in order. Resolves once all are there, as far as the way can tell; what was thrown in between
   * may have left some, and all are sent again.
   */
  send(rows: readonly AuditRecord[], signal: AbortSignal): Promise<void>
}
