import type { AlertRecord } from '../../store/records.ts'
import { selects } from './selector.ts'
import type { AlertRules } from './settings.ts'
import { atLeast } from './severity.ts'

/** The channels that are told of an alert, each once, in the order they are configured. */
export function channelsFor(
  alert: Pick<AlertRecord, 'kind' | 'severity' | 'labels'>,
  { routes, channels }: Pick<AlertRules, 'routes' | 'channels'>,
): readonly string[] {
  if (routes.length === 0) return channels
  const told = new Set(
    routes
      .filter(route => atLeast(alert.severity, route.minSeverity) && selects(route.match, alert))
      .flatMap(route => route.channels),
  )
  return channels.filter(channel => told.has(channel))
}
