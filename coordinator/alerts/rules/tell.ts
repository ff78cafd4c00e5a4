import type { Duration, Millis } from '../../../shared/time/index.ts'
import type { AlertEvent, AlertRecord, SilenceRecord } from '../../store/records.ts'
import { quietUntil } from './quiet-hours.ts'
import { channelsFor } from './route.ts'
import { silenceOver } from './selector.ts'
import type { AlertRules } from './settings.ts'
import { atLeast, type Severity, worse } from './severity.ts'

/** What an open alert explains. */
export interface Family {
  readonly count: number
  /** How many joined since people were last told. */
  readonly fresh: number
  readonly worst: Severity
  readonly summaries: readonly string[]
}

export const noFamily: Family = { count: 0, fresh: 0, worst: 'info', summaries: [] }

/** Who is told what of an open alert now, and when that is to be asked again. */
export interface Telling {
  readonly why: 'explained' | 'calm' | 'silenced' | 'held' | 'quiet' | 'nobody' | 'known' | 'told'
  readonly messages: readonly { readonly channel: string; readonly event: AlertEvent }[]
  /** Absent: not before something else changes. */
  readonly lookAt?: Millis
}

/**
 * What is to be told of an open alert at `now`. An alert that another one explains is never told singly. What is
 * silenced, held or quiet waits; a channel that was not told yet gets `opened`, one that was gets `updated` when it
 * got worse or grew, and `reminder` while nobody looks after it.
 *
 * @param before its severity when people were last told
 */
export function tell(
  alert: AlertRecord,
  family: Family,
  before: Severity,
  rules: AlertRules,
  silences: Iterable<SilenceRecord>,
  now: Millis,
): Telling {
  const nothing = (why: Telling['why'], lookAt?: Millis): Telling => ({
    why,
    messages: [],
    ...(lookAt === undefined ? {} : { lookAt }),
  })
  if (alert.parentKey !== undefined) return nothing('explained')
  if (alert.calmSince !== undefined) return nothing('calm', alert.calmSince + rules.flapping.settle)
  const silence = silenceOver(silences, alert, now)
  if (silence !== undefined) return nothing('silenced', silence.endsAt)
  if (alert.heldUntil !== undefined && alert.heldUntil > now) return nothing('held', alert.heldUntil)
  const channels = channelsFor(alert, rules)
  if (channels.length === 0) return nothing('nobody')
  const quiet =
    rules.quietHours === undefined || atLeast(alert.severity, rules.quietHours.through)
      ? undefined
      : quietUntil(rules.quietHours, now)
  // an alert of before there was routing was told on every channel
  const known = new Set(alert.channels ?? channels)
  const toldAt = alert.toldAt ?? alert.openedAt
  const followUp = known.size === 0 ? undefined : followUpOf(alert, family, before, rules, toldAt, now)
  const messages = channels.flatMap(channel => {
    const event: AlertEvent | undefined = known.has(channel) ? followUp?.event : 'opened'
    return event === undefined ? [] : [{ channel, event }]
  })
  if (messages.length > 0 && quiet !== undefined) return nothing('quiet', quiet)
  if (messages.length === 0) return nothing('known', followUp?.lookAt)
  const lookAt =
    alert.ack === undefined && rules.remindEvery > 0 ? now + remindEveryOf(alert, rules) : undefined
  return { why: 'told', messages, ...(lookAt === undefined ? {} : { lookAt }) }
}

/** What is weeks ahead is not repeated as often as what is wrong now. */
function remindEveryOf({ kind }: AlertRecord, { remindEvery }: AlertRules): Duration {
  return kind === 'outgrows-window' ? 7 * remindEvery : remindEvery
}

/** What those who know already are told: that it got worse, that it grew, that it is still there. */
function followUpOf(
  alert: AlertRecord,
  family: Family,
  before: Severity,
  rules: AlertRules,
  toldAt: Millis,
  now: Millis,
): { readonly event?: 'updated' | 'reminder'; readonly lookAt?: Millis } {
  const worsened = worse(alert.severity, before) !== before
  if (worsened) return { event: 'updated' }
  if (alert.ack !== undefined) return {}
  const remindAt = rules.remindEvery > 0 ? toldAt + remindEveryOf(alert, rules) : undefined
  if (remindAt !== undefined && now >= remindAt) return { event: 'reminder' }
  const later = (lookAt: Millis) => ({ lookAt: Math.min(lookAt, remindAt ?? lookAt) })
  if (hasGrown(alert, family)) {
    const at = toldAt + rules.groupInterval
    return now >= at ? { event: 'updated' } : later(at)
  }
  return remindAt === undefined ? {} : later(remindAt)
}

/**
 * Whether what joined is news: anything that joined a group, which explains nothing; what doubled under a cause,
 * which explains it all.
 */
function hasGrown(alert: AlertRecord, { count, fresh }: Family): boolean {
  return fresh > 0 && (alert.kind === 'group' || count >= 2 * (alert.toldMembers ?? 0))
}
