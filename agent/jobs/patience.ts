import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Duration } from '../../shared/time/index.ts'

const first = 1_000
const longest = 60_000

/**
 * Does something again until it works, for errors that pass by themselves: the store adapter has already
 * tried for seconds, this goes on for as long as it is worth (a finished dump is not thrown away for an
 * outage of minutes). Errors a person has to mend, and an aborted signal, end it.
 */
export async function patiently<T>(
  act: () => Promise<T>,
  options: {
    readonly clock: Clock
    readonly signal: AbortSignal
    readonly giveUpAfter?: Duration
    readonly onRetry?: (error: AppError) => void
  },
): Promise<T> {
  const { clock, signal, giveUpAfter = Number.POSITIVE_INFINITY } = options
  const started = clock.now().mono
  for (let wait = first; ; wait = Math.min(longest, wait * 2)) {
    try {
      return await act()
    } catch (thrown) {
      const error = AppError.from(thrown)
      const passed = clock.now().mono - started
      if (signal.aborted || !passes(error) || passed + wait > giveUpAfter) throw error
      options.onRetry?.(error)
      await clock.sleep(wait, signal)
    }
  }
}

/** Whether trying the very same call again can help. */
function passes(error: AppError): boolean {
  return (
    error.code === 'object-store.unreachable' ||
    error.code === 'object-store.throttled' ||
    error.code === 'object-store.failed' ||
    error.code === 'agent.state-unwritable'
  )
}
