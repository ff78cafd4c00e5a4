import { forecastInThread } from '../../coordinator/operations/forecast-thread.ts'
import type { ForecastJob } from '../../coordinator/planner/forecast.ts'
import type { Fleet } from './fleets.ts'

const hour = 3_600_000

/** How long the next 24 h take in the worker, handing over included; due times spread over a day, each again. */
export async function forecastSeconds(fleet: Fleet): Promise<number> {
  const jobs = fleet.jobs.map((job, n): ForecastJob => {
    const dueAt = fleet.start + Math.floor((n / fleet.jobs.length) * 24 * hour)
    const { windows: _, ...rest } = job
    return {
      ...rest,
      dueAt,
      notBefore: dueAt,
      deadline: dueAt + (job.deadline - job.dueAt),
      every: 24 * hour,
      rpo: 26 * hour,
    }
  })
  const slices = Array.from({ length: Math.ceil(jobs.length / 500) }, (_, n) =>
    jobs.slice(n * 500, (n + 1) * 500),
  )
  const began = performance.now()
  await forecastInThread(slices, {
    now: fleet.start,
    from: fleet.start,
    until: fleet.start + 24 * hour,
    limit: 2_000,
    running: [],
    agents: fleet.agents,
    budgets: fleet.budgets,
  })
  return (performance.now() - began) / 1_000
}
