import type { ClusterId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { Budget, PlanInput, QueuedJob } from './port.ts'
import { type Level, Pressure, stepOf, worth } from './pressure.ts'

export type Urgency = 0 | 1 | 2

/**
 * Where a job stands: 0 overdue or slack < P90, 1 slack < 4 × P90, 2 the rest (facts-runtime H3). Where `ahead`, what
 * its cluster has to do until its deadline, is longer than its own P90, that counts: ten short ones are a long one.
 * Half of its time waited is 1 at least: what is left to the last moment is late when a host goes away for an hour.
 */
export function urgencyOf(job: QueuedJob, now: Millis, ahead: Duration = 0): Urgency {
  if (job.urgent === true) return 0
  const slack = job.deadline - now
  const length = Math.max(job.p90, ahead)
  return slack < length ? 0 : slack < 4 * length || slack < now - job.dueAt ? 1 : 2
}

/** Whether a person waits for it: manual restores come before all. */
export function isManualRestore(job: QueuedJob): boolean {
  return job.manual && job.kind === 'restore'
}

/** Jobs that differ only in their length and id, as far as their order goes; longest first. */
export interface Rank {
  readonly restore: boolean
  readonly urgency: Urgency
  /** Of the queues they stand in: more of them than time before their deadline. */
  readonly pressure: Level
  /** Importance plus one step for each hour waited. */
  readonly weight: number
  /** Median work queued in their cluster, milliseconds. */
  readonly backlog: number
  readonly jobs: QueuedJob[]
}

interface Line {
  backlog: number
  readonly jobs: QueuedJob[]
  readonly pressure: Pressure
  readonly budget: Budget
}

/** The ranks, class by class, and those among them that are of a cluster. */
export interface Order {
  readonly classes: readonly (readonly Rank[])[]
  readonly mates: (clusterId: ClusterId) => readonly QueuedJob[]
}

/**
 * The jobs in the order they are considered, class by class: manual restores; urgency class; in each the pressure
 * of the queue before its deadline; importance plus ageing; backlog of the cluster; longest first; id. Total, so
 * that the same input gives the same plan. Jobs are put into ranks first and sorted within them: most of a
 * hundred thousand then need a handful of comparisons.
 */
export function inOrder(jobs: readonly QueuedJob[], input: PlanInput): Order {
  const now = input.now.wall
  const lines = new Lines(input)
  const steps = new Uint8Array(jobs.length)
  const clusters = jobs.map((job, n) => {
    const step = stepOf(job.deadline - now)
    steps[n] = step
    return lines.add(job, step)
  })
  lines.count(input)
  const classes: Map<number, Map<number, Rank>>[][] = Array.from({ length: 4 }, () => [])
  jobs.forEach((job, n) => {
    const restore = isManualRestore(job)
    const cluster = clusters[n]
    const urgency = urgencyOf(job, now, restore ? 0 : cluster?.pressure.workUntil(steps[n] ?? 0))
    const pressure = job.urgent === true ? 2 : lines.levelOf(job, cluster, steps[n] ?? 0)
    const weight = job.importance + Math.max(0, Math.floor((now - job.dueAt) / 3_600_000))
    const backlog = cluster?.backlog ?? job.p50
    const group = classes[restore ? 0 : urgency + 1] ?? []
    const level = restore ? 2 - urgency : pressure
    let byWeight = group[level]
    if (byWeight === undefined) {
      byWeight = new Map()
      group[level] = byWeight
    }
    let byBacklog = byWeight.get(weight)
    if (byBacklog === undefined) {
      byBacklog = new Map()
      byWeight.set(weight, byBacklog)
    }
    const rank = byBacklog.get(backlog)
    if (rank === undefined)
      byBacklog.set(backlog, { restore, urgency, pressure, weight, backlog, jobs: [job] })
    else rank.jobs.push(job)
  })
  const sorted = classes.map(group =>
    [2, 1, 0].flatMap(level =>
      descending(group[level]).flatMap(byBacklog =>
        descending(byBacklog).map(rank => {
          if (rank.jobs.length > 1) rank.jobs.sort(longestFirst)
          return rank
        }),
      ),
    ),
  )
  return { classes: sorted, mates: id => lines.jobsOf(id) }
}

/** The queues jobs stand in: their cluster's and their destination's. */
class Lines {
  readonly #input: PlanInput
  readonly #clusters = new Map<ClusterId, Line>()
  readonly #destinations = new Map<string, Line | undefined>()

  constructor(input: PlanInput) {
    this.#input = input
  }

  add(job: QueuedJob, step: number): Line | undefined {
    const { clusterId, destination, p50, rate = 0 } = job
    if (destination !== undefined) {
      const line = this.#destination(destination)
      line?.pressure.add(step, worth(p50, rate, line.budget))
    }
    if (clusterId === undefined) return undefined
    const line = this.#cluster(clusterId)
    line.backlog += p50
    line.jobs.push(job)
    line.pressure.add(step, worth(p50, rate, line.budget))
    return line
  }

  jobsOf(id: ClusterId): readonly QueuedJob[] {
    return this.#clusters.get(id)?.jobs ?? []
  }

  /** What runs holds up the others; what waits beyond the picture counts for the backlog. */
  count({ running, backlogs, now }: PlanInput): void {
    for (const { clusterId, destination, rate = 0, endsAt = now.wall } of running) {
      const left = Math.max(0, endsAt - now.wall)
      const cluster = clusterId === undefined ? undefined : this.#clusters.get(clusterId)
      cluster?.pressure.add(0, worth(left, rate, cluster.budget))
      const line = destination === undefined ? undefined : this.#destination(destination)
      line?.pressure.add(0, worth(left, rate, line.budget))
    }
    for (const [clusterId, more] of backlogs ?? []) {
      const line = this.#clusters.get(clusterId)
      if (line !== undefined && more > line.backlog) line.backlog = more
    }
  }

  levelOf(job: QueuedJob, cluster: Line | undefined, step: number): Level {
    const own = cluster?.pressure.levelOf(step) ?? 0
    if (own === 2 || job.destination === undefined) return own
    const other = this.#destination(job.destination)?.pressure.levelOf(step) ?? 0
    return other > own ? other : own
  }

  #cluster(id: ClusterId): Line {
    const known = this.#clusters.get(id)
    if (known !== undefined) return known
    const { budgets, jobsPerCluster = 1 } = this.#input
    const budget = budgets?.clusters?.get(id) ?? budgets?.cluster
    const slots = budget?.slots ?? jobsPerCluster
    const fresh = { backlog: 0, jobs: [], pressure: new Pressure(), budget: { ...budget, slots } }
    this.#clusters.set(id, fresh)
    return fresh
  }

  #destination(name: string): Line | undefined {
    if (this.#destinations.has(name)) return this.#destinations.get(name)
    const budget = this.#input.budgets?.destinations?.get(name) ?? this.#input.budgets?.destination
    const line = budget === undefined ? undefined : { backlog: 0, jobs: [], pressure: new Pressure(), budget }
    this.#destinations.set(name, line)
    return line
  }
}

function descending<T>(map: ReadonlyMap<number, T> | undefined): T[] {
  return [...(map ?? [])].sort((a, b) => b[0] - a[0]).map(([, value]) => value)
}

function longestFirst(a: QueuedJob, b: QueuedJob): number {
  return b.p50 - a.p50 || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
