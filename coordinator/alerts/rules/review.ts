import type { Millis } from '../../../shared/time/index.ts'
import type { AlertEvent, AlertRecord, SilenceRecord } from '../../store/records.ts'
import type { OpenDecision } from './fact.ts'
import { groupOf, groupSummary } from './group.ts'
import { keyOf } from './keys.ts'
import { channelsFor } from './route.ts'
import { silenceOver } from './selector.ts'
import type { AlertRules } from './settings.ts'
import { worse } from './severity.ts'
import { type Family, noFamily, tell } from './tell.ts'

/** What is to be done about an open alert. */
export type ReviewStep =
  | { readonly kind: 'open'; readonly decision: OpenDecision }
  | { readonly kind: 'resolve'; readonly alert: AlertRecord; readonly summary: string }
  | {
      readonly kind: 'change'
      readonly before: AlertRecord
      readonly after: AlertRecord
      readonly family: Family
      readonly messages: readonly { readonly channel: string; readonly event: AlertEvent }[]
    }

/** Names that a message about many gives. */
const mostNamed = 10

/**
 * Looks at all open alerts together: what explains what, what is one because it is many, what has calmed down, and
 * who is told. Same input, same steps; looked at again once they are done, there is nothing more to do at `now`.
 */
export function review(
  open: Iterable<AlertRecord>,
  rules: AlertRules,
  silences: readonly SilenceRecord[],
  now: Millis,
): readonly ReviewStep[] {
  const before = new Map<string, AlertRecord>()
  const after = new Map<string, AlertRecord>()
  const steps: ReviewStep[] = []
  for (const alert of open) {
    if (alert.calmSince !== undefined && now - alert.calmSince >= rules.flapping.settle)
      steps.push({ kind: 'resolve', alert, summary: `calm again: ${alert.summary}` })
    else {
      before.set(alert.dedupKey, alert)
      after.set(alert.dedupKey, alert)
    }
  }
  for (const alert of before.values()) {
    const parentKey = parentOf(alert, after)
    if (parentKey !== alert.parentKey) after.set(alert.dedupKey, withParent(alert, parentKey, rules, now))
  }
  steps.push(...fold(after, rules, silences, now))
  const families = familiesOf(after)
  for (const [key, alert] of before) {
    const changed = after.get(key) ?? alert
    const family = families.get(key) ?? noFamily
    if (alert.kind === 'group' && family.count === 0)
      steps.push({ kind: 'resolve', alert, summary: `over: ${alert.summary}` })
    else if (changed !== alert || isToBeLookedAt(changed, family, now)) {
      const step = tellingOf(alert, changed, family, rules, silences, now)
      if (step !== undefined) steps.push(step)
    }
  }
  return steps
}

/** The open alert that explains this one: the root of the first cause that is there, else the group it is in. */
function parentOf(alert: AlertRecord, open: ReadonlyMap<string, AlertRecord>): string | undefined {
  for (const keys of alert.causes ?? []) {
    const [first] = keys
    if (first === undefined || !keys.every(key => key !== alert.dedupKey && open.has(key))) continue
    const above = open.get(first)?.parentKey
    return above !== undefined && open.has(above) ? above : first
  }
  const group = keyOf.group(alert.kind)
  return alert.parentKey === group && open.has(group) ? group : undefined
}

/** Under another parent; without one it gets the time to mend itself before anybody is told singly. */
function withParent(
  alert: AlertRecord,
  parentKey: string | undefined,
  rules: AlertRules,
  now: Millis,
): AlertRecord {
  const { parentKey: _, lookAt: __, ...rest } = alert
  if (parentKey !== undefined) return { ...rest, parentKey }
  const wait = alert.kind === 'agent-silent' ? rules.groupWait : rules.catchUp
  return { ...rest, heldUntil: now + wait, lookAt: now + wait }
}

/** Many alerts of a kind within a while become members of one; while that one is open, later ones join it. */
function fold(
  open: Map<string, AlertRecord>,
  rules: AlertRules,
  silences: readonly SilenceRecord[],
  now: Millis,
): readonly ReviewStep[] {
  const kinds = new Map<string, AlertRecord[]>()
  /** Told singly not long ago: a trickle is a storm as well. */
  const lately = new Map<string, number>()
  for (const alert of open.values()) {
    if (alert.toldAt !== undefined && alert.tellings === 1 && now - alert.toldAt < rules.groupInterval)
      lately.set(alert.kind, (lately.get(alert.kind) ?? 0) + 1)
    if (alert.parentKey !== undefined || alert.heldUntil === undefined || alert.kind === 'group') continue
    if (alert.channels === undefined || alert.channels.length > 0 || alert.calmSince !== undefined) continue
    if (channelsFor(alert, rules).length === 0 || silenceOver(silences, alert, now) !== undefined) continue
    const known = kinds.get(alert.kind)
    if (known === undefined) kinds.set(alert.kind, [alert])
    else known.push(alert)
  }
  const steps: ReviewStep[] = []
  for (const [kind, alerts] of kinds) {
    const group = keyOf.group(kind)
    if (open.has(group))
      for (const alert of alerts) open.set(alert.dedupKey, withParent(alert, group, rules, now))
    else if (
      alerts.length + (lately.get(kind) ?? 0) > rules.foldAbove &&
      alerts.some(each => (each.heldUntil ?? 0) <= now)
    ) {
      steps.push({ kind: 'open', decision: groupOf(kind, alerts) })
      for (const alert of alerts) open.set(alert.dedupKey, withParent(alert, group, rules, now))
    }
  }
  return steps
}

function familiesOf(open: ReadonlyMap<string, AlertRecord>): ReadonlyMap<string, Family> {
  const families = new Map<string, { -readonly [K in keyof Family]: Family[K] } & { summaries: string[] }>()
  for (const child of open.values()) {
    const parent = child.parentKey === undefined ? undefined : open.get(child.parentKey)
    if (parent === undefined) continue
    let family = families.get(parent.dedupKey)
    if (family === undefined) {
      family = { count: 0, fresh: 0, worst: 'info', summaries: [] }
      families.set(parent.dedupKey, family)
    }
    family.count++
    if (child.openedAt > (parent.toldAt ?? 0)) family.fresh++
    family.worst = worse(family.worst, child.severity)
    if (family.summaries.length < mostNamed) family.summaries.push(child.summary)
  }
  return families
}

function isToBeLookedAt(alert: AlertRecord, family: Family, now: Millis): boolean {
  if (alert.parentKey !== undefined) return false
  if (alert.lookAt !== undefined && alert.lookAt <= now) return true
  return family.fresh > 0 || worse(alert.severity, family.worst) !== alert.severity
}

function tellingOf(
  before: AlertRecord,
  alert: AlertRecord,
  family: Family,
  rules: AlertRules,
  silences: readonly SilenceRecord[],
  now: Millis,
): ReviewStep | undefined {
  const told = alert.toldSeverity ?? alert.severity
  const current: AlertRecord = {
    ...alert,
    severity: worse(alert.severity, family.worst),
    ...(alert.kind === 'group' ? { summary: groupSummary(alert.facts['kind'] ?? '', family.count) } : {}),
  }
  const telling = tell(current, family, told, rules, silences, now)
  const after = afterTelling(current, telling, now, family.count)
  if (telling.messages.length === 0 && !differs(before, after)) return undefined
  return { kind: 'change', before, after, family, messages: telling.messages }
}

/** An alert once people were told so, or once it is known when to look again. */
export function afterTelling(
  alert: AlertRecord,
  { messages, lookAt }: ReturnType<typeof tell>,
  now: Millis,
  members = 0,
): AlertRecord {
  const { lookAt: _, ...rest } = alert
  const next = lookAt === undefined ? rest : { ...rest, lookAt }
  if (messages.length === 0) return next
  const { ack, ...told } = next
  const worsened =
    alert.toldSeverity !== undefined && worse(alert.severity, alert.toldSeverity) !== alert.toldSeverity
  return {
    ...told,
    // whoever looked after it did so before it got worse
    ...(ack === undefined || worsened ? {} : { ack }),
    channels: [...new Set([...(alert.channels ?? []), ...messages.map(each => each.channel)])],
    toldAt: now,
    toldSeverity: alert.severity,
    toldMembers: members,
    tellings: (alert.tellings ?? 0) + 1,
  }
}

function differs(a: AlertRecord, b: AlertRecord): boolean {
  return (
    a.parentKey !== b.parentKey ||
    a.lookAt !== b.lookAt ||
    a.heldUntil !== b.heldUntil ||
    a.severity !== b.severity
  )
}
