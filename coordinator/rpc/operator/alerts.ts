import type { ListAlertsRequest, ListAlertsResponse } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { OutboxRecord } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { filterOf, oneOf, pageOf } from './narrow.ts'

/** ListAlerts, newest first. Alerts speak of the whole fleet: a narrower scope sees none. */
export function listAlerts({ store }: OperatorDeps) {
  return async (request: ListAlertsRequest, { scope }: CallContext): Promise<ListAlertsResponse> => {
    const page = pageOf(request)
    const state = oneOf(filterOf(request, ['state']), 'state', ['open', 'resolved'] as const)
    if (scope.kind !== 'fleet') return { alerts: [], nextPageToken: '' }
    const { items, next } = await store.read.alerts(page, state === undefined ? {} : { state })
    const alerts = items.map(async alert => ({
      alertId: alert.id,
      dedupKey: alert.dedupKey,
      kind: alert.kind,
      severity: alert.severity,
      summary: alert.summary,
      state: alert.state,
      openedAt: alert.openedAt,
      resolvedAt: alert.resolvedAt ?? 0,
      facts: Object.entries(alert.facts).map(([name, value]) => ({ name, value })),
      delivery: deliveryOf(await store.read.outboxOf(alert.id)),
    }))
    return { alerts: await Promise.all(alerts), nextPageToken: next ?? '' }
  }
}

/** How telling people went, over all channels: the worst that is true. */
function deliveryOf(messages: readonly OutboxRecord[]): string {
  if (messages.length === 0) return 'nobody'
  if (messages.some(message => message.state === 'dead')) return 'dead'
  if (messages.some(message => message.state === 'pending'))
    return messages.some(message => message.attempts > 0) ? 'failing' : 'pending'
  return messages.every(message => message.state === 'cancelled') ? 'cancelled' : 'delivered'
}
