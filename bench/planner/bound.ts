import type { QueuedJob } from '../../coordinator/planner/index.ts'
import type { Span } from '../../coordinator/planner/window.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
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
  /** How many attempts that is. */
  readonly attempts: number
}

const mostAttempts = 6

/**
 * max(longest job; each cluster's work ÷ its allowed concurrency, and that in its windows; what must pass each destination ÷ its MB/s; all
 * work ÷ all slots), each from when the first of it may begin. A host's own work is its cluster's here, and neither
 * hosts nor sites have a budget of MB/s in these fleets.
 */
export function bound(fleet: Fleet): Bound {
  const works = fleet.jobs.map(job => workOf(job, fleet))
  let best: Bound = { value: 0, by: '' }
  const offer = (value: number, by: string) => {
    if (value > best.value) best = { value, by }
  }
  const longest = works.reduce((most, { from, duration }) => Math.max(most, from + duration), 0)
  offer(longest, 'the longest job')
  for (const [, group] of grouped(works, each => each.job.clusterId ?? each.job.id)) {
    offer(
      afterFirst(group, each => each.duration),
      "a cluster's own work",
    )
    const inside = group.filter(each => each.job.windows !== undefined)
    const sum = inside.reduce((total, each) => total + each.duration, 0)
    offer(openUntil(inside[0]?.job.windows ?? [], sum) - fleet.start, "a cluster's work in its windows")
  }
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
 * The jobs that a relaxed earliest-deadline check calls feasible: for its cluster, its cluster's windows and its
 * destination, everything due no later than it fits before its deadline, if work were fluid. No planner can promise
 * the others.
 *
 * @param look how often the planner may look: on average a cluster stands still for half of it after each attempt
 */
export function feasible(fleet: Fleet, look: Duration): ReadonlySet<string> {
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
  for (const [, group] of grouped(works, each => each.job.clusterId ?? each.job.id)) {
    drop(group, each => each.duration + (each.attempts * look) / 2)
    // a cluster's windows are the same for all of its jobs that have any
    const inside = group.filter(each => each.job.windows !== undefined)
    let sum = 0
    for (const { job, duration, attempts } of inside.toSorted((a, b) => a.job.deadline - b.job.deadline)) {
      sum += duration + (attempts * look) / 2
      if (openUntil(job.windows ?? [], sum) > job.deadline) possible.delete(job.id)
    }
  }
  if (rate !== undefined)
    for (const [, group] of grouped(works, each => each.job.destination ?? ''))
      drop(group, ({ duration, job }) => (duration * (job.rate ?? 0)) / rate)
  return possible
}

/** When so much time has been open, at the earliest; the last window's end where there is not so much. */
function openUntil(windows: readonly Span[], time: Duration): Millis {
  let left = time
  for (const { from, to } of windows) {
    if (left <= to - from) return from + left
    left -= to - from
  }
  return windows.at(-1)?.to ?? 0
}

function workOf(job: QueuedJob, fleet: Fleet): Work {
  let duration = 0
  let attempts = 0
  while (attempts < mostAttempts) {
    const fate = fleet.fateOf(job, ++attempts)
    duration += fate.duration
    if (fate.ok) break
  }
  const opens = job.windows?.[0]?.from ?? fleet.start
  return { job, from: Math.max(0, Math.max(opens, job.dueAt) - fleet.start), duration, attempts }
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
