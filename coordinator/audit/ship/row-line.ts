import type { AuditRecord } from '../../store/records.ts'

/** An event as one line of JSON, with the keys of `holdfast audit export`; no newline at its end. */
export function rowLine({ class: eventClass, prevHash, hash, detail, ...row }: AuditRecord): string {
  const { seq, at, actor, action, subject, reason } = row
  return JSON.stringify({
    ...{ seq, at, actor, action, subject, reason },
    ...{ prev_hash: prevHash, hash, event_class: eventClass, detail },
  })
}
