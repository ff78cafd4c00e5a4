import type Consul from 'consul'
import type { Clock } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'
import type { Duration } from '../time/index.ts'
import { backOff } from './back-off.ts'
import { readAccess } from './consul-acl.ts'
import { instancesFrom, type ServiceSelector } from './consul-answer.ts'
import { queryService } from './consul-query.ts'
import type { DiscoveredInstance } from './port.ts'

/** What is known of one service: instances once it answered, and what is wrong now. */
export interface ServiceView {
  readonly instances?: readonly DiscoveredInstance[]
  readonly error?: AppError
}

/** Times of the watch; defaults in `consul.ts`. */
export interface ConsulTimes {
  /** How long Consul may hold a question that has no news. */
  readonly wait: Duration
  /** What the network may take beyond `wait` before a question counts as lost. */
  readonly network: Duration
  /** At least this long between two questions: an index that runs, or one of 0, must not become a storm. */
  readonly pause: Duration
  /** How long emptiness must last after there were instances, before it is believed. */
  readonly emptyGrace: Duration
  readonly retryFirst: Duration
  readonly retryMost: Duration
}

export interface ServiceWatchOptions {
  readonly consul: Consul
  readonly baseUrl: string
  readonly service: ServiceSelector
  /** Read anew for every question, so that a rotated token needs no restart. */
  readonly token: () => Promise<string | undefined>
  readonly times: ConsulTimes
  readonly clock: Clock
  /** A number in [0, 1) for the jitter. */
  readonly dice: () => number
}

/**
 * Follows one service by blocking queries until aborted.
 *
 * - The index is only ever trusted forwards: when it goes back, is 0, or a question failed, the next one starts at 0.
 * - An answer with instances is taken as it is.
 * - An empty answer is taken only if Consul says we may read the service (`readAccess`); after instances were
 *   known it must also last `emptyGrace`, so that a Consul that lost its state does not empty the fleet.
 * - On any failure the last known instances stay.
 */
export async function watchService(
  options: ServiceWatchOptions,
  onView: (view: ServiceView) => void,
  signal: AbortSignal,
): Promise<void> {
  const { clock, times, service } = options
  let index = 0n
  let failures = 0
  let known: readonly DiscoveredInstance[] | undefined
  let emptySince: number | undefined

  const graceLeft = () =>
    emptySince === undefined ? times.wait : emptySince + times.emptyGrace - clock.now().mono

  const believe = async (
    instances: readonly DiscoveredInstance[],
    filtered: boolean,
    token: string | undefined,
  ) => {
    if (instances.length > 0) {
      emptySince = undefined
      return instances
    }
    if (filtered) throw hidden(service.name)
    const access = await readAccess(
      options.baseUrl,
      token,
      service.name,
      AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    )
    const surprising = known === undefined ? access === 'unknown' : known.length > 0
    if (surprising) {
      emptySince ??= clock.now().mono
      if (graceLeft() > 0) throw suddenlyEmpty(service.name, known?.length ?? 0)
    }
    emptySince = undefined
    return instances
  }

  while (!signal.aborted) {
    const asked = clock.now().mono
    let rest: Duration
    try {
      const token = await options.token()
      const wait = Math.max(1_000, Math.min(times.wait, graceLeft()))
      const answer = await queryService(
        options.consul,
        { service: service.name, token, index, wait, network: times.network },
        signal,
      )
      known = await believe(instancesFrom(answer.body, service), answer.filtered, token)
      index = answer.index < index ? 0n : answer.index
      failures = 0
      onView({ instances: known })
      rest = asked + times.pause - clock.now().mono
    } catch (thrown) {
      if (signal.aborted) return
      index = 0n
      failures++
      onView({
        ...(known === undefined ? {} : { instances: known }),
        error: asDiscoveryError(thrown, service.name),
      })
      rest = backOff(failures, times.retryFirst, times.retryMost, options.dice())
      if (emptySince !== undefined) rest = Math.min(rest, Math.max(times.pause, graceLeft()))
    }
    if (rest > 0) await clock.sleep(rest, signal).catch(() => undefined)
  }
}

function hidden(service: string): AppError {
  return new AppError('discovery.denied', {
    message: `consul hides the instances of service ${service} from this token`,
    context: { service },
  })
}

function suddenlyEmpty(service: string, before: number): AppError {
  return new AppError('discovery.invalid', {
    message: `consul suddenly shows no instance of service ${service}, which had ${before}; waiting whether that lasts`,
    context: { service, instances_before: before },
  })
}

/** A secret that cannot be read keeps its own code; the network's errors become "unavailable". */
function asDiscoveryError(thrown: unknown, service: string): AppError {
  if (thrown instanceof AppError) return thrown
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  return new AppError('discovery.unavailable', {
    message: `consul does not answer for service ${service}: ${detail}`,
    context: { service, detail },
    cause: thrown,
  })
}
