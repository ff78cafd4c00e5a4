import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { AppError } from '../../shared/errors/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { ForecastInput, ForecastJob, ForecastMiss, ForecastRun } from '../planner/forecast.ts'

/** What is asked of the thread once it has the jobs. */
export interface ForecastOrder extends Omit<ForecastInput, 'jobs'> {
  /** Runs that end later are shown, the first `limit` of them. */
  readonly from: Millis
  readonly limit: number
  /** Runs shown, where it is another number than that of misses. */
  readonly mostRuns?: number
}

/** A forecast as far as it is shown. */
export interface ForecastView {
  readonly runs: readonly ForecastRun[]
  readonly runsTotal: number
  readonly misses: readonly ForecastMiss[]
  readonly missesTotal: number
}

/** Longer than any forecast should take; a thread that hangs must not be waited for. */
const patience: Duration = 60_000

/**
 * Runs a forecast in a thread of its own: seconds of work that would stop heartbeats on the event loop. Jobs are
 * handed over in slices with turns of the loop between them, as copying them is work, too.
 *
 * @throws AppError `coordinator.deadline` when the signal is aborted, `internal` when the thread fails or takes a minute
 */
export async function forecastInThread(
  slices: AsyncIterable<readonly ForecastJob[]> | Iterable<readonly ForecastJob[]>,
  order: ForecastOrder,
  signal?: AbortSignal,
): Promise<ForecastView> {
  const limit = AbortSignal.timeout(patience)
  const worker = new Worker(new URL('./forecast-worker.ts', import.meta.url), { stdout: false })
  try {
    const ended = signal === undefined ? limit : AbortSignal.any([signal, limit])
    const answered = once(worker, 'message', { signal: ended })
    // seen below; a failure before that must not be unhandled
    answered.catch(() => undefined)
    for await (const jobs of slices) {
      if (ended.aborted) break
      worker.postMessage({ jobs })
      await turn()
    }
    worker.postMessage(order)
    const [view] = (await answered) as [ForecastView]
    return view
  } catch (thrown) {
    throw signal?.aborted === true
      ? new AppError('coordinator.deadline', { cause: thrown })
      : new AppError('internal', { message: 'the forecast did not come about', cause: thrown })
  } finally {
    await worker.terminate()
  }
}
