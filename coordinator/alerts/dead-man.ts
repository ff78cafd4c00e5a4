import type { Clock } from '../../shared/clock/index.ts'
import type { Closable } from '../../shared/lifecycle/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Duration } from '../../shared/time/index.ts'

export interface DeadManOptions {
  /** Where somebody else misses us; a secret, since such URLs carry a token; asked for before each ping. */
  readonly url: () => Promise<string>
  readonly every: Duration
  /** Whether this coordinator leads and does its work: only then it says so. */
  readonly healthy: () => boolean
  readonly clock: Clock
  readonly log: Log
  /** Default GET. */
  readonly method?: 'GET' | 'POST'
  /** For one ping; default 10 s. */
  readonly timeout?: Duration
}

/**
 * Pings a watchdog outside for as long as `healthy()`; when the coordinator dies, hangs, or leads no more, the
 * ping stays away and the other side raises the alarm. A standby is silent, so of several coordinators exactly
 * the leader pings. A failed ping is logged when it begins and when it ends, never retried: the next one comes.
 */
export function startDeadMan(options: DeadManOptions): Closable & { close(): Promise<void> } {
  const ending = new AbortController()
  const done = run(options, ending.signal)
  return {
    close: async () => {
      ending.abort()
      await done
    },
  }
}

async function run(options: DeadManOptions, signal: AbortSignal): Promise<void> {
  const { clock, every, log } = options
  let failing = false
  while (!signal.aborted) {
    if (options.healthy()) {
      const error = await ping(options, signal)
      if (signal.aborted) return
      if (error !== undefined && !failing)
        log.warn('the dead-man ping fails: the watchdog will raise the alarm', { reason: error })
      if (error === undefined && failing) log.info('the dead-man ping is through again')
      failing = error !== undefined
    }
    await clock.sleep(every, signal).catch(() => undefined)
  }
}

async function ping(options: DeadManOptions, signal: AbortSignal): Promise<string | undefined> {
  const deadline = AbortSignal.timeout(options.timeout ?? 10_000)
  try {
    const response = await fetch(await options.url(), {
      method: options.method ?? 'GET',
      signal: AbortSignal.any([deadline, signal]),
    })
    await response.body?.cancel()
    return response.ok ? undefined : `answered ${response.status}`
  } catch {
    // fetch's message may name the URL.
    return deadline.aborted ? 'no answer in time' : 'cannot be reached'
  }
}
