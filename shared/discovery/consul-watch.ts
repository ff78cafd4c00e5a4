import type { Clock } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'
import type { Duration } from '../time/index.ts'
import { backOff } from './back-off.ts'
import type { Crowd } from './consul-crowd.ts'
import type { ConsulConnection, ConsulLine } from './consul-line.ts'
import { type CatalogAnswer, type CatalogQuery, queryCatalog } from './consul-query.ts'

/** Times of the watch; defaults in `consul.ts`. */
export interface ConsulTimes {
  /** How long Consul may hold a question that has no news. */
  readonly wait: Duration
  /** What the network may take beyond `wait` before a question counts as lost. */
  readonly network: Duration
  /** At least this long between two questions: an index that runs, or one of 0, must not become a storm. */
  readonly pause: Duration
  /** Between two rounds, where more services are followed than may wait for news. */
  readonly poll: Duration
  /** How long an emptiness, or the loss of most instances, must last before it is believed. */
  readonly emptyGrace: Duration
  readonly retryFirst: Duration
  readonly retryMost: Duration
}

/** What every question to one Consul goes by. */
export interface ConsulWorld {
  readonly line: ConsulLine
  /** Read anew for every question, so that a rotated token needs no restart. */
  readonly token: () => Promise<string | undefined>
  readonly times: ConsulTimes
  readonly crowd: Crowd
  readonly clock: Clock
  /** A number in [0, 1) for the jitter. */
  readonly dice: () => number
}

/** An answer, and whom to ask whether it may be believed. */
export interface Heard {
  readonly answer: CatalogAnswer
  readonly connection: ConsulConnection
  readonly token: string | undefined
}

/** A question asked over and over. */
export interface Question {
  readonly query: Pick<CatalogQuery, 'service' | 'tag' | 'filter' | 'datacenter' | 'name'>
  /** Takes an answer in; what it throws counts as a failure of the question. */
  readonly take: (heard: Heard) => Promise<void>
  readonly failed: (error: AppError) => void
  /** How long a doubt must still last, if there is one: the next question is not later than that. */
  readonly doubtLeft: () => Duration | undefined
}

/**
 * Asks one question until aborted, by blocking queries where Consul has room for them. The index is only ever trusted
 * forwards: when it goes back, is 0, or a question failed, the next one starts at 0.
 */
export async function watchQuestion(
  world: ConsulWorld,
  { query, take, failed, doubtLeft }: Question,
  signal: AbortSignal,
): Promise<void> {
  const { clock, times, crowd } = world
  let index = 0n
  let failures = 0
  while (!signal.aborted) {
    const asked = clock.now().mono
    let rest: Duration
    try {
      const token = await world.token()
      const connection = await world.line.connection()
      const wait = Math.max(1_000, Math.min(times.wait, doubtLeft() ?? times.wait))
      const answer = await crowd.run(() =>
        queryCatalog(
          connection.client,
          { ...query, token, index: crowd.crowded ? 0n : index, wait, network: times.network },
          signal,
        ),
      )
      await take({ answer, connection, token })
      index = answer.index < index ? 0n : answer.index
      failures = 0
      rest = asked + (crowd.crowded ? times.poll : times.pause) - clock.now().mono
    } catch (thrown) {
      if (signal.aborted) return
      index = 0n
      failures++
      failed(asDiscoveryError(thrown, query.name))
      rest = backOff(failures, times.retryFirst, times.retryMost, world.dice())
      const left = doubtLeft()
      if (left !== undefined) rest = Math.min(rest, Math.max(times.pause, left))
    }
    if (rest > 0) await clock.sleep(rest, signal).catch(() => undefined)
  }
}

/** A secret that cannot be read keeps its own code; the network's errors become "unavailable". */
function asDiscoveryError(thrown: unknown, name: string): AppError {
  if (thrown instanceof AppError) return thrown
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  return new AppError('discovery.unavailable', {
    message: `consul does not answer for ${name}: ${detail}`,
    context: { question: name, detail },
    cause: thrown,
  })
}
