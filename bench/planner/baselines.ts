import { Heap } from '../../coordinator/planner/heap.ts'
import type { QueuedJob } from '../../coordinator/planner/index.ts'
import type { Fleet } from './fleets.ts'
import { Random } from './random.ts'

/** A course of a night: what ran when, and how far above the budget it went. */
export interface Course {
  readonly runs: readonly {
    readonly job: QueuedJob
    readonly startedAt: number
    readonly endedAt: number
    readonly ok: boolean
  }[]
  readonly makespan: number
  readonly never: number
  /** Highest demand on a destination ÷ its budget: above 1 everything there is slower by as much. */
  readonly peak: number
}

/**
 * The script: one list, N workers, each takes the next one, whatever cluster it is on and wherever its bytes go.
 * What fails is gone until tomorrow. A destination in too great demand slows down all who store there: taken into
 * account by its peak, which stretches the whole.
 */
export function fifo(fleet: Fleet, workers: number): Course {
  const free = new Heap<number>()
  for (let n = 0; n < workers; n++) free.push(fleet.start, n)
  const starts = fleet.jobs.map(job => {
    const startedAt = free.key
    const worker = free.pop() ?? 0
    const { duration } = fleet.fateOf(job, 1)
    free.push(startedAt + duration, worker)
    return { job, startedAt }
  })
  return slowed(fleet, starts)
}

/** Cron as people write it: each at some minute of four hours of the night. */
export function atRandomMinutes(fleet: Fleet): Course {
  const random = new Random(99)
  return slowed(
    fleet,
    fleet.jobs.map(job => ({ job, startedAt: fleet.start + random.below(240) * 60_000 })),
  )
}

/** Cron as people forget to change it. */
export function atMidnight(fleet: Fleet): Course {
  return slowed(
    fleet,
    fleet.jobs.map(job => ({ job, startedAt: fleet.start })),
  )
}

/**
 * Fair sharing of what is there: at every moment the demand on a destination beyond its MB/s slows all of its jobs
 * in proportion. Fluid and exact for one destination; clusters that run many dumps at a time are not slowed, which
 * flatters these baselines.
 */
function slowed(
  fleet: Fleet,
  starts: readonly { readonly job: QueuedJob; readonly startedAt: number }[],
): Course {
  const budget = fleet.budgets.destination?.bytesPerSecond ?? Number.POSITIVE_INFINITY
  const runs: { job: QueuedJob; startedAt: number; endedAt: number; ok: boolean }[] = []
  const groups = new Map<string, { job: QueuedJob; startedAt: number }[]>()
  for (const each of starts) {
    const key = each.job.destination ?? ''
    const known = groups.get(key)
    if (known === undefined) groups.set(key, [each])
    else known.push(each)
  }
  let peak = 0
  for (const group of groups.values()) {
    group.sort((a, b) => a.startedAt - b.startedAt)
    // virtual time: every job runs at the speed of 1 / stretch
    let now = fleet.start
    let virtual = 0
    let demand = 0
    let next = 0
    const ends = new Heap<{ readonly job: QueuedJob; readonly startedAt: number; readonly ok: boolean }>()
    while (next < group.length || ends.size > 0) {
      const stretch = Math.max(1, demand / budget)
      peak = Math.max(peak, demand / budget)
      const arrival = group[next]?.startedAt ?? Number.POSITIVE_INFINITY
      const ending = now + Math.max(0, ends.key - virtual) * stretch
      const at = Math.max(now, Math.min(arrival, ending))
      virtual += (at - now) / stretch
      now = at
      if (ending <= arrival) {
        const done = ends.pop()
        if (done === undefined) continue
        demand = Math.max(0, demand - (done.job.rate ?? 0))
        runs.push({ ...done, endedAt: now })
      } else {
        const each = group[next++]
        if (each === undefined) continue
        const { duration, ok } = fleet.fateOf(each.job, 1)
        demand += each.job.rate ?? 0
        ends.push(virtual + duration, { ...each, ok })
      }
    }
  }
  const end = runs.reduce((last, each) => Math.max(last, each.endedAt), fleet.start)
  return { runs, makespan: end - fleet.start, never: runs.filter(each => !each.ok).length, peak }
}
