import { type Duration, isoOf, type Millis } from '../../shared/time/index.ts'
import { basicAuth, post, targetOf } from './http.ts'
import type { Notifier } from './notifier.ts'
import type { AlertPayload } from './payload.ts'
import { noUrl } from './webhook.ts'

/** An Alertmanager, API v2. */
export interface AlertmanagerOptions {
  readonly name: string
  readonly url: string
  readonly user?: string
  readonly password?: string
  readonly timeout: Duration
  /** The wall clock, for `endsAt`. */
  readonly now: () => Millis
}

/** Between two repetitions of what is open: Alertmanager wants it every 30 s to 3 min. */
const repeatEvery: Duration = 60_000
/** An open alert that is not repeated for so long is over there: we are gone, and our own alarms with us. */
const standsFor: Duration = 5 * 60_000

/**
 * Alertmanager: an alert with `endsAt` a few minutes ahead, repeated until it is resolved, then once more with the
 * end it had. Its labels identify it; what changes is in the annotations. Notices are no alerts and are not sent.
 *
 * @throws AppError `config.invalid` when the URL is none of http or https
 */
export function createAlertmanager(options: AlertmanagerOptions): Notifier {
  const { name, user, password, timeout, now } = options
  const target = targetOf(`${options.url.replace(/\/+$/, '')}/api/v2/alerts`)
  if (target === undefined) throw noUrl('Alertmanager', name)
  const send = (payloads: readonly AlertPayload[], signal: AbortSignal) =>
    post({
      url: target.url,
      headers: {
        ...target.headers,
        ...(user === undefined ? {} : { Authorization: basicAuth(user, password ?? '') }),
        'Content-Type': 'application/json',
      },
      body: JSON.stringify(payloads.map(payload => alertmanagerAlert(payload, now()))),
      timeout,
      signal,
    })
  return {
    name,
    keepsIncidents: true,
    deliver: async ({ event, payload }, signal) =>
      event === 'notice' ? { kind: 'delivered', note: 'notices are no alerts' } : send([payload], signal),
    repeat: { every: repeatEvery, send },
  }
}

/** The alert as Alertmanager wants it. */
export function alertmanagerAlert({ alert }: AlertPayload, now: Millis) {
  return {
    labels: {
      alertname: `Holdfast${alert.kind.replace(/(^|[^a-zA-Z0-9]+)([a-zA-Z0-9]?)/g, (_, __, letter: string) => letter.toUpperCase())}`,
      // what an alert is called must not change with its severity, or the old one never ends
      holdfast_alert: alert.id,
      dedup_key: alert.dedup_key,
      ...Object.fromEntries(
        Object.entries(alert.labels ?? {}).flatMap(([key, values]) =>
          values.length === 1 && values[0] !== undefined && values[0] !== '' ? [[key, values[0]]] : [],
        ),
      ),
    },
    annotations: {
      summary: alert.summary,
      severity: alert.severity,
      ...alert.facts,
      ...(alert.explains === undefined
        ? {}
        : { explains: `${alert.explains.count}: ${alert.explains.summaries.join('; ')}` }),
    },
    startsAt: alert.opened_at,
    endsAt: alert.resolved_at ?? isoOf(now + standsFor),
  }
}
