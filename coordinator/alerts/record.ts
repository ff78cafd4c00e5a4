import type { AlertId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { WriteTx } from '../store/port.ts'
import type { AlertRecord } from '../store/records.ts'
import { mayHaveArrived } from './arrival.ts'
import { payloadOf } from './payload.ts'
import { decide } from './rules/decide.ts'
import type { AlertDecision, AlertFact } from './rules/fact.ts'

/** What a fact led to. `unchanged` wrote nothing. */
export type FactOutcome = 'opened' | 'updated' | 'resolved' | 'unchanged'

/**
 * Lets the rules judge a fact inside the transaction of the change it tells of: opens or resolves the one alert
 * of its key and puts one message per channel into the outbox. A fact that is repeated while its alert is open
 * brings the alert up to date and tells nobody again. An `opened` that surely never left and its `resolved`
 * cancel each other.
 */
export async function recordFact(
  tx: WriteTx,
  fact: AlertFact,
  now: Millis,
  channels: readonly string[],
  newAlertId: () => AlertId,
): Promise<FactOutcome> {
  const decision = decide(fact)
  switch (decision.kind) {
    case 'none':
      return 'unchanged'
    case 'open':
      return open(tx, decision, now, channels, newAlertId)
    case 'resolve':
      return resolve(tx, decision, now, channels)
  }
}

async function open(
  tx: WriteTx,
  decision: Extract<AlertDecision, { kind: 'open' }>,
  now: Millis,
  channels: readonly string[],
  newAlertId: () => AlertId,
): Promise<FactOutcome> {
  const { dedupKey, severity, summary, facts } = decision
  const standing = await tx.alerts.openByKey(dedupKey)
  if (standing !== undefined) {
    if (standing.summary === summary && standing.severity === severity) return 'unchanged'
    await tx.alerts.put({ ...standing, severity, summary, facts })
    return 'updated'
  }
  const alert: AlertRecord = {
    id: newAlertId(),
    dedupKey,
    kind: decision.alert,
    severity,
    summary,
    facts,
    state: 'open',
    openedAt: now,
  }
  await tx.alerts.put(alert)
  for (const channel of channels) await enqueue(tx, 'opened', alert, summary, channel, now)
  return 'opened'
}

async function resolve(
  tx: WriteTx,
  decision: Extract<AlertDecision, { kind: 'resolve' }>,
  now: Millis,
  channels: readonly string[],
): Promise<FactOutcome> {
  const standing = await tx.alerts.openByKey(decision.dedupKey)
  if (standing === undefined) return 'unchanged'
  const alert: AlertRecord = { ...standing, state: 'resolved', resolvedAt: now }
  await tx.alerts.put(alert)
  for (const channel of channels) {
    const opened = await tx.outbox.pendingOpened(alert.id, channel)
    if (opened !== undefined && !mayHaveArrived(opened))
      await tx.outbox.put({ ...opened, state: 'cancelled' })
    else await enqueue(tx, 'resolved', alert, decision.summary, channel, now)
  }
  return 'resolved'
}

/** The key is the event's, the same in every retry and after every restart; a receiver drops what it has seen. */
async function enqueue(
  tx: WriteTx,
  event: 'opened' | 'resolved',
  alert: AlertRecord,
  summary: string,
  channel: string,
  now: Millis,
): Promise<void> {
  await tx.outbox.enqueue({
    alertId: alert.id,
    dedupKey: alert.dedupKey,
    channel,
    event,
    idempotencyKey: `${alert.id}.${event}`,
    payload: payloadOf(event, alert, summary),
    createdAt: now,
    nextAttemptAt: now,
  })
}
