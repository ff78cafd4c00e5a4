import { parentPort } from 'node:worker_threads'
import { type ForecastJob, forecast } from '../planner/forecast.ts'
import type { ForecastOrder, ForecastView } from './forecast-thread.ts'

/** The thread a forecast runs in: jobs come in slices, then the order; one answer goes back. */
const jobs: ForecastJob[] = []

parentPort?.on('message', (message: { readonly jobs: readonly ForecastJob[] } | ForecastOrder) => {
  if ('jobs' in message) {
    jobs.push(...message.jobs)
    return
  }
  const { from, limit, mostRuns = limit, ...rest } = message
  const { runs, misses } = forecast({ ...rest, jobs })
  const shown = runs.filter(each => each.endsAt > from)
  const view: ForecastView = {
    runs: shown.slice(0, mostRuns),
    runsTotal: shown.length,
    misses: misses.slice(0, limit),
    missesTotal: misses.length,
  }
  parentPort?.postMessage(view)
})
