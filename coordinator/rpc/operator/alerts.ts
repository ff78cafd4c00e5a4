import { AppError } from '../../../shared/errors/index.ts'
import { isId } from '../../../shared/model/identifiers.ts'
import type {
  AckAlertRequest,
  AckAlertResponse,
  GetAlertRequest,
  GetAlertResponse,
  ListAlertsRequest,
  ListAlertsResponse,
  TestAlertChannelRequest,
  TestAlertChannelResponse,
  Alert as WireAlert,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { selectorKeys, selects } from '../../alerts/rules/selector.ts'
import type { PageRequest, ReadModel } from '../../store/port.ts'
import type { AlertRecord, Labels, OutboxRecord } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { fullPage } from './full-page.ts'
import { filterOf, invalid, oneOf, pageOf, stretchKeys, stretchOf } from './narrow.ts'
import { selectorIn } from './selected.ts'

/** Open alerts that GetAlert names of those it explains. */
const mostMembers = 100

/** ListAlerts, newest first. Alerts speak of the whole fleet: a narrower scope sees none. */
export function listAlerts({ store, operations }: OperatorDeps) {
  return async (request: ListAlertsRequest, { scope }: CallContext): Promise<ListAlertsResponse> => {
    const page = pageOf(request)
    const filter = filterOf(request, ['state', 'selector', ...stretchKeys])
    const state = oneOf(filter, 'state', ['open', 'resolved'] as const)
    const selector = selectorIn(filter, selectorKeys)
    const asked = {
      ...stretchOf(filter),
      ...(state === undefined ? {} : { state }),
      ...(selector === undefined ? {} : { texts: textsOf(selector) }),
    }
    if (scope.kind !== 'fleet') return { alerts: [], nextPageToken: '' }
    const ask = (page: PageRequest) => store.read.alerts(page, asked)
    const { items, next } =
      selector === undefined ? await ask(page) : await fullPage(page, ask, alert => selects(selector, alert))
    const members = countsOf(operations.explainedAlerts())
    const alerts = items.map(async alert =>
      alertToWire(alert, await store.read.outboxOf(alert.id), members.get(alert.dedupKey) ?? 0),
    )
    return { alerts: await Promise.all(alerts), nextPageToken: next ?? '' }
  }
}

/** What an alert that a selector means must hold: of each pattern the longest text without `*`. */
function textsOf({ alert: _, ...selector }: Labels): readonly (readonly string[])[] {
  return Object.values(selector).map(patterns =>
    patterns.map(pattern => pattern.split('*').reduce((a, b) => (b.length > a.length ? b : a))),
  )
}

/** GetAlert: every message about it, and what it explains. */
export function getAlert({ store, operations }: OperatorDeps) {
  return async (request: GetAlertRequest, { scope }: CallContext): Promise<GetAlertResponse> => {
    const alert = scope.kind === 'fleet' ? await found(store.read, request.alert) : undefined
    if (alert === undefined)
      throw new AppError('not-found', {
        message: `there is no alert \`${request.alert.slice(0, 200)}\``,
        hint: '`holdfast alert list` shows what there is.',
      })
    const messages = await store.read.outboxOf(alert.id)
    const members = operations.explainedAlerts().filter(each => each.parentKey === alert.dedupKey)
    return {
      alert: alertToWire(alert, messages, alert.state === 'open' ? members.length : 0),
      messages: messages.map(message => ({
        channel: message.channel,
        event: message.event,
        state: message.state,
        attempts: message.attempts,
        createdAt: message.createdAt,
        nextAttemptAt: message.state === 'pending' ? message.nextAttemptAt : 0,
        lastError: message.lastError ?? '',
      })),
      members:
        alert.state === 'open' ? members.slice(0, mostMembers).map(each => alertToWire(each, [], 0)) : [],
    }
  }
}

/** AckAlert: somebody looks after it. */
export function ackAlert({ store, operations }: OperatorDeps) {
  return async (request: AckAlertRequest, { principal }: CallContext): Promise<AckAlertResponse> => {
    if (request.alert === '') throw invalid('alert', 'is missing', 'an alert id, or the key of an open alert')
    const { alert: reference, requestId, reason } = request
    const alert = await operations.ackAlert(principal, { alert: reference, requestId, reason })
    return { alert: alertToWire(alert, await store.read.outboxOf(alert.id), 0) }
  }
}

/** TestAlertChannel: a marked message, and what the channel answered. */
export function testAlertChannel({ operations }: OperatorDeps) {
  return async (
    { channel, requestId, reason }: TestAlertChannelRequest,
    { principal, signal }: CallContext,
  ): Promise<TestAlertChannelResponse> => {
    if (channel === '') throw invalid('channel', 'is missing', 'the name of a channel')
    return operations.testAlertChannel(principal, { channel, requestId, reason }, signal)
  }
}

async function found(read: ReadModel, reference: string): Promise<AlertRecord | undefined> {
  if (isId('alert', reference)) return read.alert(reference)
  return (await read.openAlerts()).find(each => each.dedupKey === reference)
}

function countsOf(explained: readonly AlertRecord[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { parentKey } of explained)
    if (parentKey !== undefined) counts.set(parentKey, (counts.get(parentKey) ?? 0) + 1)
  return counts
}

function alertToWire(alert: AlertRecord, messages: readonly OutboxRecord[], members: number): WireAlert {
  return {
    alertId: alert.id,
    dedupKey: alert.dedupKey,
    kind: alert.kind,
    severity: alert.severity,
    summary: alert.summary,
    state: alert.state,
    openedAt: alert.openedAt,
    resolvedAt: alert.resolvedAt ?? 0,
    facts: Object.entries(alert.facts).map(([name, value]) => ({ name, value })),
    delivery: deliveryOf(alert, messages),
    lastSeenAt: alert.lastSeenAt ?? alert.openedAt,
    explainedBy: alert.parentKey ?? '',
    members: alert.state === 'open' ? members : 0,
    ackedBy: alert.ack?.by ?? '',
    ackedAt: alert.ack?.at ?? 0,
    ackReason: alert.ack?.reason ?? '',
    nextLookAt: alert.state === 'open' ? (alert.lookAt ?? 0) : 0,
    labels: Object.entries(alert.labels ?? {}).flatMap(([name, values]) =>
      values.map(value => ({ name, value })),
    ),
  }
}

/** How telling people went, over all channels: the worst that is true. */
function deliveryOf(alert: AlertRecord, messages: readonly OutboxRecord[]): string {
  if (messages.length === 0) {
    if (alert.state === 'open' && alert.parentKey !== undefined) return 'explained'
    // what was delivered is forgotten after a while
    if ((alert.channels?.length ?? 0) > 0) return 'delivered'
    return alert.state === 'open' && alert.lookAt !== undefined ? 'waiting' : 'nobody'
  }
  if (messages.some(message => message.state === 'dead')) return 'dead'
  if (messages.some(message => message.state === 'pending'))
    return messages.some(message => message.attempts > 0) ? 'failing' : 'pending'
  return messages.every(message => message.state === 'cancelled') ? 'cancelled' : 'delivered'
}
