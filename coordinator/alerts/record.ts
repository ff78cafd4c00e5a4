import type { AlertId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { WriteTx } from '../store/port.ts'
import type { AlertRecord, SilenceRecord } from '../store/records.ts'
import { enqueue, withdraw } from './outbox.ts'
import { decide } from './rules/decide.ts'
import type { AlertFact, OpenDecision } from './rules/fact.ts'
import { flappingText, isFlapping, openingsOf } from './rules/flapping.ts'
import { afterTelling } from './rules/review.ts'
import { channelsFor } from './rules/route.ts'
import type { AlertRules } from './rules/settings.ts'
import { noFamily, tell } from './rules/tell.ts'

/** What a fact led to. `unchanged` wrote nothing. */
export type FactOutcome = 'opened' | 'updated' | 'resolved' | 'noticed' | 'unchanged'

/** What facts are recorded with. */
export interface RecordContext {
  readonly rules: AlertRules
  readonly newAlertId: () => AlertId
  /** Silences that hold now. */
  readonly silences?: readonly SilenceRecord[]
  /** Told of every alert as it was committed. */
  readonly committed?: (alert: AlertRecord) => void
}

/**
 * Lets the rules judge a fact inside the transaction of the change it tells of: opens or resolves the one alert
 * of its key. What need not wait for others is told at once: a message for each of its channels goes into the
 * outbox. A fact that is repeated while its alert is open brings the alert up to date and tells nobody again,
 * unless it got worse.
 */
export async function recordFact(
  tx: WriteTx,
  fact: AlertFact,
  now: Millis,
  context: RecordContext,
): Promise<FactOutcome> {
  const decision = decide(fact)
  if (decision.kind === 'resolve') return resolveKey(tx, decision.dedupKey, decision.summary, now, context)
  return recordDecision(tx, decision, now, context)
}

/** Opens the alert of a decision, or brings the open one of its key up to date. */
export async function recordDecision(
  tx: WriteTx,
  decision: OpenDecision,
  now: Millis,
  context: RecordContext,
): Promise<FactOutcome> {
  if (decision.kind === 'notice') return notice(tx, decision, now, context)
  const standing = await tx.alerts.openByKey(decision.dedupKey)
  if (standing !== undefined) return update(tx, standing, decision, now, context)
  const { rules } = context
  const openings = openingsOf(await tx.alerts.latestByKey(decision.dedupKey), now, rules.flapping)
  const flapping = isFlapping(openings, rules.flapping)
  const fresh: AlertRecord = {
    id: context.newAlertId(),
    dedupKey: decision.dedupKey,
    kind: decision.alert,
    severity: decision.severity,
    summary: flapping ? flappingText(decision.summary, rules.flapping) : decision.summary,
    facts: decision.facts,
    state: 'open',
    openedAt: now,
    lastSeenAt: now,
    channels: [],
    openings,
    ...(decision.labels === undefined ? {} : { labels: decision.labels }),
    ...(decision.causes.length === 0 ? {} : { causes: decision.causes }),
    ...(decision.waits
      ? { heldUntil: now + Math.max(rules.groupWait, decision.alert === 'group' ? 1 : 0) }
      : {}),
  }
  const parentKey = await parentInStore(tx, fresh)
  await tellNow(tx, { ...fresh, ...(parentKey === undefined ? {} : { parentKey }) }, now, context)
  return 'opened'
}

/** Ends the alert of a key: whoever was told of it is told of its end. A flapping one must stay calm first. */
export async function resolveKey(
  tx: WriteTx,
  dedupKey: string,
  summary: string,
  now: Millis,
  context: RecordContext,
  how: 'fact' | 'calm' = 'fact',
): Promise<FactOutcome> {
  const standing = await tx.alerts.openByKey(dedupKey)
  if (standing === undefined) return 'unchanged'
  if (how === 'fact' && isFlapping(standing.openings ?? [], context.rules.flapping)) {
    if (standing.calmSince !== undefined) return 'unchanged'
    await put(tx, { ...standing, calmSince: now, lookAt: now + context.rules.flapping.settle }, context)
    return 'updated'
  }
  const { lookAt: _, heldUntil: __, ...rest } = standing
  const alert: AlertRecord = { ...rest, state: 'resolved', resolvedAt: now }
  await put(tx, alert, context)
  // an alert of before there was routing was told on every channel
  for (const channel of standing.channels ?? context.rules.channels)
    if (await withdraw(tx, alert, channel))
      await enqueue(tx, { event: 'resolved', alert, summary, channel, now })
  return 'resolved'
}

async function update(
  tx: WriteTx,
  standing: AlertRecord,
  { severity, summary, facts, labels, causes }: OpenDecision,
  now: Millis,
  context: RecordContext,
): Promise<FactOutcome> {
  const { rules } = context
  const again = standing.calmSince !== undefined
  if (standing.summary === summary && standing.severity === severity && !again) return 'unchanged'
  const { calmSince: _, ...rest } = standing
  const openings = again ? openingsOf(standing, now, rules.flapping) : standing.openings
  const flapping = isFlapping(openings ?? [], rules.flapping)
  const alert: AlertRecord = {
    ...rest,
    severity,
    summary: flapping ? flappingText(summary, rules.flapping) : summary,
    facts,
    lastSeenAt: now,
    ...(labels === undefined ? {} : { labels }),
    ...(causes.length === 0 ? {} : { causes }),
    ...(openings === undefined ? {} : { openings }),
  }
  if (!again && alert.summary === standing.summary && severity === standing.severity) return 'unchanged'
  await tellNow(tx, alert, now, context)
  return 'updated'
}

/** Something that is said once and has no end. */
async function notice(
  tx: WriteTx,
  { dedupKey, alert: kind, severity, summary, facts, labels }: OpenDecision,
  now: Millis,
  context: RecordContext,
): Promise<FactOutcome> {
  if ((await tx.alerts.latestByKey(dedupKey)) !== undefined) return 'unchanged'
  const said: AlertRecord = {
    id: context.newAlertId(),
    dedupKey,
    kind,
    severity,
    summary,
    facts,
    state: 'resolved',
    openedAt: now,
    resolvedAt: now,
    ...(labels === undefined ? {} : { labels }),
  }
  const channels = channelsFor(said, context.rules)
  if (channels.length === 0) return 'unchanged'
  const alert = { ...said, channels, toldAt: now }
  await put(tx, alert, context)
  for (const channel of channels) await enqueue(tx, { event: 'notice', alert, summary, channel, now })
  return 'noticed'
}

/** What explains it already, as the store has it inside this step. */
async function parentInStore(tx: WriteTx, alert: AlertRecord): Promise<string | undefined> {
  for (const keys of alert.causes ?? []) {
    const open = []
    for (const key of keys) {
      const cause = key === alert.dedupKey ? undefined : await tx.alerts.openByKey(key)
      if (cause === undefined) break
      open.push(cause)
    }
    if (open.length === keys.length && open[0] !== undefined) return open[0].parentKey ?? open[0].dedupKey
  }
  return undefined
}

async function tellNow(tx: WriteTx, alert: AlertRecord, now: Millis, context: RecordContext): Promise<void> {
  const { rules, silences = [] } = context
  const told = alert.toldSeverity ?? alert.severity
  const telling = tell(alert, noFamily, told, rules, silences, now)
  const after = afterTelling(alert, telling, now)
  await put(tx, after, context)
  for (const { channel, event } of telling.messages)
    await enqueue(tx, { event, alert: after, summary: after.summary, channel, now })
}

async function put(tx: WriteTx, alert: AlertRecord, { committed }: RecordContext): Promise<void> {
  await tx.alerts.put(alert)
  if (committed !== undefined) tx.afterCommit(() => committed(alert))
}
