import type { Clock } from '../../shared/clock/index.ts'
import type { Closable } from '../../shared/lifecycle/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { AlertRecord } from '../store/records.ts'
import type { Notifier } from './notifier.ts'
import { type AlertPayload, payloadOf } from './payload.ts'

export interface RepeatOptions {
  readonly notifiers: ReadonlyMap<string, Notifier>
  /** Open alerts as last committed. */
  readonly open: () => Iterable<AlertRecord>
  /** Whether this process may still speak. */
  readonly leads: () => boolean
  readonly clock: Clock
  readonly log: Log
}

/** Alerts in one request. */
const page = 200

/**
 * Repeats what is open to the channels that forget what they do not hear again. Not through the outbox: a lost
 * repetition is made good by the next. That it fails is said when it begins and when it ends.
 */
export function startRepeats(options: RepeatOptions): Closable & { close(): Promise<void> } {
  const ending = new AbortController()
  const all = [...options.notifiers].map(([name, notifier]) => run(name, notifier, options, ending.signal))
  return {
    close: async () => {
      ending.abort()
      await Promise.all(all)
    },
  }
}

async function run(
  name: string,
  { repeat }: Notifier,
  { open, leads, clock, log }: RepeatOptions,
  signal: AbortSignal,
): Promise<void> {
  if (repeat === undefined) return
  let failing = false
  while (!signal.aborted) {
    await clock.sleep(repeat.every, signal).catch(() => undefined)
    if (signal.aborted || !leads()) continue
    const told = [...open()].filter(each => each.channels?.includes(name) === true)
    for (let i = 0; i < told.length && !signal.aborted; i += page) {
      const payloads = told
        .slice(i, i + page)
        .map(alert => JSON.parse(payloadOf('reminder', alert, alert.summary)) as AlertPayload)
      const delivery = await repeat.send(payloads, signal)
      if (signal.aborted) return
      const fails = delivery.kind === 'failed'
      if (fails && !failing)
        log.warn('open alerts cannot be repeated', { channel: name, reason: delivery.error })
      if (!fails && failing) log.info('open alerts are repeated again', { channel: name })
      failing = fails
      if (fails) break
    }
  }
}
