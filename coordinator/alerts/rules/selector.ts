import type { Millis } from '../../../shared/time/index.ts'
import { matches } from '../../policy/pattern.ts'
import type { AlertRecord, Labels, SilenceRecord } from '../../store/records.ts'

/** The keys a selector of alerts may have. */
export const selectorKeys = [
  'kind',
  'severity',
  'alert',
  'datacenter',
  'service',
  'engine',
  'database',
  'host',
  'destination',
] as const

/**
 * Whether an alert is one of those a selector means: for each key of the selector, one of its patterns (with `*`)
 * matches one of the alert's values. A key the alert has no value for matches nothing: a route for one service
 * does not get the alerts that are about none.
 */
export function selects(selector: Labels, alert: Selectable): boolean {
  return Object.entries(selector).every(([key, patterns]) => {
    const values = valuesOf(alert, key)
    return patterns.some(pattern => values.some(value => matches(pattern, value)))
  })
}

type Selectable = Pick<AlertRecord, 'kind' | 'severity' | 'labels'> & { readonly id?: string }

function valuesOf(alert: Selectable, key: string): readonly string[] {
  if (key === 'kind') return [alert.kind]
  if (key === 'severity') return [alert.severity]
  if (key === 'alert') return alert.id === undefined ? [] : [alert.id]
  return alert.labels?.[key] ?? []
}

/** The silence over an alert that lasts longest, if there is one now. */
export function silenceOver(
  silences: Iterable<SilenceRecord>,
  alert: Selectable,
  now: Millis,
): SilenceRecord | undefined {
  let longest: SilenceRecord | undefined
  for (const silence of silences)
    if (silence.endsAt > now && silence.endsAt > (longest?.endsAt ?? 0) && selects(silence.selector, alert))
      longest = silence
  return longest
}
