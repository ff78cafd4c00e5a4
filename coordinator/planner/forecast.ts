import type { AgentId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { PlanInput, QueuedJob, RunningJob } from './port.ts'
import { isShortage, shortOf } from './shortage.ts'
import { simulate } from './simulate.ts'

/** Work that comes again: due so long after the data of the last one, broken so long after it. */
export interface ForecastJob extends QueuedJob {
  readonly every?: Duration
  /** When it is due again where that is no interval, in order; those of the time ahead. */
  readonly instants?: readonly Millis[]
  readonly rpo?: Duration
}

/** What is known at `now`: what runs, what waits, what will be due. */
export interface ForecastInput extends Pick<PlanInput, 'agents' | 'jobsPerCluster' | 'budgets'> {
  readonly now: Millis
  readonly until: Millis
  readonly jobs: readonly ForecastJob[]
  readonly running: readonly (RunningJob & { readonly endsAt: Millis })[]
}

export interface ForecastRun {
  readonly jobId: JobId
  readonly agentId: AgentId
  readonly dueAt: Millis
  readonly startsAt: Millis
  readonly endsAt: Millis
  readonly deadline: Millis
}

/** A promise that will break, as far as can be told now. */
export interface ForecastMiss {
  readonly jobId: JobId
  readonly dueAt: Millis
  readonly deadline: Millis
  /** When it will be done; absent: not before the forecast ends. */
  readonly endsAt?: Millis
  readonly code: string
  readonly text: string
  /** What of slots and budgets it waits for; absent: with all of them free it would not make it either. */
  readonly shortOf?: { readonly code: string; readonly subject: string }
}

export interface Forecast {
  /** In order of their start. */
  readonly runs: readonly ForecastRun[]
  /** In order of their deadline. */
  readonly misses: readonly ForecastMiss[]
}

/** How closely a small fleet is looked at, and how one of a hundred thousand is. */
const finest = 30_000
const coarsest = 300_000

/**
 * The planner's own decisions through the time ahead, every duration taken as its P90: what it says will not make
 * it is what a bad day looks like. The more there is, the coarser the steps. Runs in a worker.
 */
export function forecast(input: ForecastInput): Forecast {
  const { now, until, jobs, running, agents, budgets, jobsPerCluster } = input
  const tick = Math.round(finest + (coarsest - finest) * Math.min(1, jobs.length / 100_000))
  const course = simulate({
    start: now,
    until,
    tick,
    jobs: jobs.filter(each => Math.max(each.dueAt, each.notBefore) < until),
    running,
    agents,
    perCluster: 2,
    fateOf: job => ({ duration: job.p90, ok: true }),
    next: (job, startedAt) => again(job, startedAt, until),
    ...(budgets === undefined ? {} : { budgets }),
    ...(jobsPerCluster === undefined ? {} : { jobsPerCluster }),
  })
  const misses: ForecastMiss[] = []
  for (const run of course.runs) {
    const { job, endedAt } = run
    if (endedAt <= job.deadline) continue
    const short = isShortage(run, tick) ? shortOf(run.waited.reasons) : undefined
    misses.push({
      jobId: job.id,
      dueAt: job.dueAt,
      deadline: job.deadline,
      endsAt: endedAt,
      code: 'late',
      text: 'it ends after its promise breaks',
      ...(short === undefined ? {} : { shortOf: short }),
    })
  }
  for (const { job, reasons } of course.waiting) {
    if (job.deadline > until) continue
    const [first] = reasons
    const short = shortOf(reasons)
    misses.push({
      jobId: job.id,
      dueAt: job.dueAt,
      deadline: job.deadline,
      code: first?.code ?? 'cluster-busy',
      text: first?.text ?? 'others of its cluster come first',
      ...(short === undefined ? {} : { shortOf: short }),
    })
  }
  return {
    runs: course.runs
      .map(({ job, agentId, startedAt, endedAt }) => ({
        jobId: job.id,
        agentId,
        dueAt: job.dueAt,
        startsAt: startedAt,
        endsAt: endedAt,
        deadline: job.deadline,
      }))
      .sort((a, b) => a.startsAt - b.startsAt || (a.jobId < b.jobId ? -1 : 1)),
    misses: misses.sort((a, b) => a.deadline - b.deadline || (a.jobId < b.jobId ? -1 : 1)),
  }
}

function again(job: ForecastJob, startedAt: Millis, until: Millis): ForecastJob | undefined {
  const { every, instants, rpo } = job
  if (every === undefined || rpo === undefined) return undefined
  const dueAt = instants === undefined ? startedAt + every : instants.find(each => each > startedAt)
  if (dueAt === undefined || dueAt >= until) return undefined
  return { ...job, dueAt, notBefore: dueAt, deadline: startedAt + rpo, manual: false }
}
