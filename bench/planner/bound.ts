import type { QueuedJob } from '../../coordinator/planner/index.ts'
import type { Fleet } from './fleets.ts'

/** A makespan no planner can beat, milliseconds from the start, and what makes it so. */
export interface Bound {
  readonly value: number
  readonly by: string
}

/** What a job really takes, failed attempts and all, and the earliest it may begin. */
interface Work {
  readonly job: QueuedJob
  readonly from: number
  readonly duration: number
}

const mostAttempts = 6

/**
 * max(longest job; each cluster's work ÷ its allowed concurrency; what must pass each destination ÷ its MB/s; all
 * work ÷ all slots), each from when the first of it may begin. A host's own work is its cluster's here.
 */
export function bound(fleet: Fleet): Bound {
  const works = fleet.jobs.map(job => workOf(job, fleet))
  let best: Bound = { value: 0, by: '' }
  const offer = (value: number, by: string) => {
    if (value > best.value) best = { value, by }
  }
  const longest = works.reduce((most, { from, duration }) => Math.max(most, from + duration), 0)
  offer(longest, 'the longest job')
  for (const [, group] of grouped(works, each => each.job.clusterId ?? each.job.id))
    offer(
      afterFirst(group, each => each.duration),
      "a cluster's own work",
    )
  const rate = fleet.budgets.destination?.bytesPerSecond
  if (rate !== undefined)
    for (const [, group] of grouped(works, each => each.job.destination ?? ''))
      offer(
        afterFirst(group, ({ duration, job }) => (duration * (job.rate ?? 0)) / rate),
        "a destination's MB/s",
      )
  const slots = fleet.agents.reduce((sum, each) => sum + each.slots, 0)
  offer(
    afterFirst(works, each => each.duration / slots),
    'all slots',
  )
  return best
}

/**
 * The jobs that a relaxed earliest-deadline check calls feasible: for its cluster and its destination, everything
 * due no later than it fits before its deadline, if work were fluid. No planner can promise the others.
 */
export function feasible(fleet: Fleet): ReadonlySet<string> {
  const works = fleet.jobs.map(job => workOf(job, fleet))
  const possible = new Set<string>()
  for (const { job, from, duration } of works)
    if (fleet.start + from + duration <= job.deadline) possible.add(job.id)
  const rate = fleet.budgets.destination?.bytesPerSecond
  const drop = (group: readonly Work[], worth: (each: Work) => number) => {
    let at = 0
    for (const each of group.toSorted((a, b) => a.job.deadline - b.job.deadline)) {
      at = Math.max(at, each.from) + worth(each)
      if (fleet.start + at > each.job.deadline) possible.delete(each.job.id)
    }
  }
  for (const [, group] of grouped(works, each => each.job.clusterId ?? each.job.id))
    drop(group, each => each.duration)
  if (rate !== undefined)
    for (const [, group] of grouped(works, each => each.job.destination ?? ''))
      drop(group, ({ duration, job }) => (duration * (job.rate ?? 0)) / rate)
  return possible
}

function workOf(job: QueuedJob, fleet: Fleet): Work {
  let duration = 0
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    const fate = fleet.fateOf(job, attempt)
    duration += fate.duration
    if (fate.ok) break
  }
  const opens = job.windows?.[0]?.from ?? fleet.start
  return { job, from: Math.max(0, Math.max(opens, job.dueAt) - fleet.start), duration }
}

/** The first of them may begin then, and all of their work follows; also for every later start on its own. */
function afterFirst(works: readonly Work[], worth: (each: Work) => number): number {
  let sum = 0
  let most = 0
  for (const each of works.toSorted((a, b) => b.from - a.from)) {
    sum += worth(each)
    most = Math.max(most, each.from + sum)
  }
  return most
}

function grouped(
  works: readonly Work[],
  keyOf: (each: Work) => string,
): ReadonlyMap<string, readonly Work[]> {
  const groups = new Map<string, Work[]>()
  for (const each of works) {
    const key = keyOf(each)
    const known = groups.get(key)
    if (known === undefined) groups.set(key, [each])
    else known.push(each)
  }
  return groups
}
