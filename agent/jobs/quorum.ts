import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Destination } from '../../shared/model/destination.ts'
import type { Duration } from '../../shared/time/index.ts'

/** A destination that takes no part any more, and why. */
export interface GivenUp {
  readonly destination: string
  readonly error: AppError
}

/** What became of something that was done in several destinations. */
export interface QuorumEnd<T> {
  /** By name, in the order of the destinations. */
  readonly done: ReadonlyMap<string, T>
  readonly givenUp: readonly GivenUp[]
}

/**
 * Does something in every destination at once. When `enough` are done, the others get `patience` more, then they
 * are given up and no longer waited for; one that fails is given up. Resolves when nobody is waited for.
 *
 * @throws the first failure when fewer than `atLeast` can be done; what the signal was aborted for
 */
export async function quorum<T>(
  destinations: readonly Destination[],
  act: (destination: Destination, signal: AbortSignal) => Promise<T>,
  options: {
    readonly enough: number
    readonly atLeast: number
    readonly patience: Duration
    readonly clock: Clock
    readonly signal: AbortSignal
  },
): Promise<QuorumEnd<T>> {
  const { enough, atLeast, patience, clock, signal } = options
  const pending = new Map<string, AbortController>()
  const done = new Map<string, T>()
  const givenUp: GivenUp[] = []
  const timer = new AbortController()
  const over = Promise.withResolvers<void>()
  let waiting = false

  const settle = (): void => {
    if (pending.size === 0 || done.size + pending.size < atLeast) over.resolve()
    if (waiting || pending.size === 0 || done.size < enough) return
    waiting = true
    clock.sleep(patience, timer.signal).then(
      () => {
        for (const [destination, stop] of pending) {
          const error = new AppError('copy.lagging', { context: { destination, patience_ms: patience } })
          givenUp.push({ destination, error })
          stop.abort(error)
        }
        pending.clear()
        settle()
      },
      () => {},
    )
  }
  for (const destination of destinations) {
    const { name } = destination
    const stop = new AbortController()
    pending.set(name, stop)
    act(destination, AbortSignal.any([signal, stop.signal])).then(
      answer => {
        if (!pending.delete(name)) return
        done.set(name, answer)
        settle()
      },
      (thrown: unknown) => {
        if (!pending.delete(name)) return
        if (signal.aborted) return over.reject(thrown)
        givenUp.push({ destination: name, error: AppError.from(thrown) })
        settle()
      },
    )
  }
  try {
    await over.promise
  } finally {
    timer.abort()
    for (const stop of pending.values()) stop.abort(new AppError('interrupted'))
  }
  if (done.size < atLeast) throw givenUp[0]?.error ?? new AppError('internal')
  return {
    done: new Map(destinations.flatMap(({ name }) => (done.has(name) ? [[name, done.get(name) as T]] : []))),
    givenUp,
  }
}
