import type { Clock } from '../../shared/clock/index.ts'
import type { Closable } from '../../shared/lifecycle/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { AlertId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { AlertEvent, AlertRecord } from '../store/records.ts'
import type { Notification, Notifier } from './notifier.ts'
import { type AlertPayload, payloadOf } from './payload.ts'
import { keyOf } from './rules/keys.ts'
import { channelsFor } from './rules/route.ts'
import type { AlertRules } from './rules/settings.ts'

export interface StoreWatchOptions {
  readonly notifiers: ReadonlyMap<string, Notifier>
  /** As they are when somebody is to be told. */
  readonly rules: () => AlertRules
  readonly newAlertId: () => AlertId
  readonly clock: Clock
  readonly log: Log
  /** How long the store may be gone before people are told; default 30 s. */
  readonly patience?: Duration
  /** Between two tries of a channel that did not take it; default 30 s. */
  readonly retryEvery?: Duration
}

/** Hears how the store is doing and tells people past it when it is gone. */
export interface StoreWatch extends Closable {
  /** It did what it was asked. */
  well(): void
  /** It did not. Only what once led speaks: a standby's store is its leader's trouble. */
  failed(code: string): void
  /** Whether this process leads, or led last: only then it speaks. */
  leads(yes: boolean): void
  /** One look; called by the watch itself. */
  look(): Promise<void>
  close(): Promise<void>
}

interface Trouble {
  readonly alert: AlertRecord
  readonly told: Set<string>
}

/**
 * The coordinator's own store in trouble is the one alert that cannot go through the store: it is sent straight to
 * its channels, tried again until each has taken it, and resolved the same way. All that is known of it is in this
 * memory: a coordinator that dies meanwhile is missed by the dead-man's watchdog instead.
 */
export function watchStore(options: StoreWatchOptions): StoreWatch {
  const { notifiers, rules, newAlertId, clock, log, patience = 30_000, retryEvery = 30_000 } = options
  const ending = new AbortController()
  let failingSince: Millis | undefined
  let code = ''
  let hasLed = false
  let trouble: Trouble | undefined

  const say = async (event: AlertEvent, { alert, told }: Trouble): Promise<void> => {
    const wanted =
      event === 'opened' ? channelsFor(alert, rules()).filter(each => !told.has(each)) : [...told]
    await Promise.all(
      wanted.map(async name => {
        const delivery = await notifiers.get(name)?.deliver(notificationOf(event, alert), ending.signal)
        if (delivery?.kind === 'delivered') {
          if (event === 'opened') told.add(name)
          else told.delete(name)
        } else if (!ending.signal.aborted)
          log.warn('the trouble of the store could not be told', {
            channel: name,
            reason: delivery?.error ?? 'no such channel',
          })
      }),
    )
  }
  const look = async (): Promise<void> => {
    const now = clock.now()
    if (failingSince !== undefined && hasLed && now.mono - failingSince >= patience) {
      trouble ??= {
        alert: troubleOf(newAlertId(), code, now.wall - (now.mono - failingSince)),
        told: new Set(),
      }
      await say('opened', trouble)
    } else if (failingSince === undefined && trouble !== undefined) {
      const over = {
        ...trouble,
        alert: { ...trouble.alert, state: 'resolved' as const, resolvedAt: now.wall },
      }
      await say('resolved', over)
      if (over.told.size === 0) trouble = undefined
    }
  }
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await clock.sleep(Math.min(retryEvery, Math.max(10, patience)), ending.signal).catch(() => undefined)
      if (!ending.signal.aborted) await look()
    }
  }
  const done = run()
  return {
    well: () => {
      failingSince = undefined
    },
    failed: reason => {
      failingSince ??= clock.now().mono
      code = reason
    },
    leads: yes => {
      hasLed = yes
    },
    look,
    close: async () => {
      ending.abort()
      await done
    },
  }
}

function troubleOf(id: AlertId, code: string, since: Millis): AlertRecord {
  return {
    id,
    dedupKey: keyOf.store,
    kind: 'store-trouble',
    severity: 'critical',
    summary: `the coordinator's store does not answer (${code}): nothing new is decided, running backups go on`,
    facts: { code },
    state: 'open',
    openedAt: since,
  }
}

function notificationOf(event: AlertEvent, alert: AlertRecord): Notification {
  const summary = event === 'resolved' ? "the coordinator's store answers again" : alert.summary
  const body = payloadOf(event, alert, summary)
  return {
    idempotencyKey: `${alert.id}.${event}`,
    dedupKey: alert.dedupKey,
    event,
    body,
    payload: JSON.parse(body) as AlertPayload,
    attempt: 1,
  }
}
