import type { Duration } from '../../shared/time/index.ts'
import { post, targetOf } from './http.ts'
import type { Notification, Notifier } from './notifier.ts'
import { noUrl } from './webhook.ts'
import { short } from './words.ts'

/** An integration of PagerDuty's Events API v2; its key is the secret. */
export interface PagerDutyOptions {
  readonly name: string
  readonly key: string
  readonly url: string
  readonly timeout: Duration
}

/**
 * PagerDuty: `trigger` for whatever is open, `resolve` at its end, both with the alert as dedup key, so that what
 * comes twice is one incident. Notices are no incidents and are not sent.
 *
 * @throws AppError `config.invalid` when the URL is none of http or https
 */
export function createPagerDuty({ name, key, url, timeout }: PagerDutyOptions): Notifier {
  const target = targetOf(url)
  if (target === undefined) throw noUrl('PagerDuty channel', name)
  return {
    name,
    keepsIncidents: true,
    deliver: async (notification, signal) =>
      notification.event === 'notice'
        ? { kind: 'delivered', note: 'notices are no incidents' }
        : post({
            url: target.url,
            headers: { ...target.headers, 'Content-Type': 'application/json' },
            body: JSON.stringify(pagerDutyEvent(notification, key)),
            timeout,
            signal,
          }),
  }
}

/** The event as PagerDuty wants it: a summary of at most 1,024 characters. */
export function pagerDutyEvent({ event, payload: { alert } }: Notification, key: string) {
  const about = { routing_key: key, dedup_key: `holdfast/${alert.id}` }
  if (event === 'resolved') return { ...about, event_action: 'resolve' }
  return {
    ...about,
    event_action: 'trigger',
    client: 'Holdfast',
    payload: {
      summary: short(alert.summary, 1_024),
      source: alert.facts['hostname'] ?? alert.facts['database'] ?? alert.facts['subject_name'] ?? 'holdfast',
      severity: alert.severity,
      timestamp: alert.opened_at,
      component: alert.kind,
      class: alert.kind,
      group: alert.labels?.['datacenter']?.[0] ?? 'holdfast',
      custom_details: {
        ...alert.facts,
        dedup_key: alert.dedup_key,
        explains: alert.explains?.summaries ?? [],
      },
    },
  }
}
