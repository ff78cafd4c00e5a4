import type { ClusterId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { Numbering } from './numbering.ts'
import type { Budget, PlanInput, QueuedJob } from './port.ts'
import { type Level, Pressures, stepOf, worth } from './pressure.ts'

/**
 * The jobs of a look by number, and the queues they stand in: their cluster's and their destination's.
 *
 * What is asked of each again and again lies in columns. As objects a hundred thousand jobs are 25 MB and what was
 * kept for each cluster another 10: a look waited for memory most of its time, and took twice as long.
 */
export class Queue {
  readonly jobs: readonly QueuedJob[]
  readonly #now: Millis
  readonly #clusterNames = new Numbering<ClusterId>()
  readonly #destinationNames = new Numbering<string>()
  /** By job: its cluster and destination, -1 without; the step of its slack; whether anyone could do it. */
  readonly #cluster: Int32Array
  readonly #destination: Int32Array
  readonly #step: Uint8Array
  readonly #hasCandidate: Uint8Array
  readonly #clusterPressure: Pressures
  readonly #destinationPressure: Pressures
  /** By cluster: median work, the longest P90, the first latest start that has not passed. */
  readonly #backlog: Float64Array
  readonly #longest: Float64Array
  readonly #tightest: Float64Array
  /** The last job of each cluster, and before each job the one of its cluster before it; -1: none. */
  readonly #last: Int32Array
  readonly #before: Int32Array

  constructor(jobs: readonly QueuedJob[], input: PlanInput) {
    this.jobs = jobs
    this.#now = input.now.wall
    this.#cluster = new Int32Array(jobs.length)
    this.#destination = new Int32Array(jobs.length)
    this.#step = new Uint8Array(jobs.length)
    this.#hasCandidate = new Uint8Array(jobs.length)
    const last = this.#number()
    const clusters = this.#clusterNames.count
    this.#clusterPressure = new Pressures(clusters, last)
    this.#destinationPressure = new Pressures(this.#destinationNames.count, last)
    this.#backlog = new Float64Array(clusters)
    this.#longest = new Float64Array(clusters)
    this.#tightest = new Float64Array(clusters).fill(Number.POSITIVE_INFINITY)
    this.#last = new Int32Array(clusters).fill(-1)
    this.#before = new Int32Array(jobs.length)
    this.#sum(input)
    this.#clusterPressure.judge()
    this.#destinationPressure.judge()
  }

  job(n: number): QueuedJob {
    const job = this.jobs[n]
    if (job === undefined) throw new RangeError(`no job has the number ${n}`)
    return job
  }

  hasCandidate(job: number): boolean {
    return this.#hasCandidate[job] === 1
  }

  get clusters(): number {
    return this.#clusterNames.count
  }

  /** The number of its cluster; -1 where it has none. */
  clusterOf(job: number): number {
    return this.#cluster[job] ?? -1
  }

  clusterId(cluster: number): ClusterId | undefined {
    return this.#clusterNames.names[cluster]
  }

  /** Median work queued in a cluster. */
  backlogOf(cluster: number): Duration {
    return this.#backlog[cluster] ?? 0
  }

  /** What its cluster has to do until its deadline. */
  aheadOf(job: number): Duration {
    return this.#clusterPressure.workUntil(this.clusterOf(job), this.#step[job] ?? 0)
  }

  /** The higher of its cluster's and its destination's pressure before its deadline. */
  pressureOn(job: number): Level {
    const step = this.#step[job] ?? 0
    const own = this.#clusterPressure.levelOf(this.clusterOf(job), step)
    const other = own === 2 ? 0 : this.#destinationPressure.levelOf(this.#destination[job] ?? -1, step)
    return other > own ? other : own
  }

  /**
   * Those of a cluster that its longest could make late, by when they must start at the latest.
   *
   * @param margin what passes between an end and the next look
   */
  tightOf(cluster: number, margin: Duration): readonly QueuedJob[] {
    const until = this.#now + margin + (this.#longest[cluster] ?? 0)
    if ((this.#tightest[cluster] ?? 0) >= until) return []
    return this.#jobsOf(cluster)
      .filter(each => latestStart(each) >= this.#now && latestStart(each) < until)
      .sort((a, b) => latestStart(a) - latestStart(b))
  }

  /** Gives clusters and destinations their numbers. Returns the last step of a slack. */
  #number(): number {
    let last = 0
    let n = 0
    for (const { clusterId, destination, deadline, candidates } of this.jobs) {
      const step = stepOf(deadline - this.#now)
      if (step > last) last = step
      this.#step[n] = step
      this.#hasCandidate[n] = candidates.length > 0 ? 1 : 0
      this.#cluster[n] = this.#clusterNames.of(clusterId)
      this.#destination[n] = this.#destinationNames.of(destination)
      n++
    }
    return last
  }

  /** What runs holds up the others; what waits beyond the picture counts for the backlog. */
  #sum({ budgets, jobsPerCluster = 1, running, backlogs }: PlanInput): void {
    const clusterBudgets = budgetsOf(this.#clusterNames.names, budgets?.clusters, budgets?.cluster ?? {})
    const destinationBudgets = budgetsOf(
      this.#destinationNames.names,
      budgets?.destinations,
      budgets?.destination,
    )
    const press = (cluster: number, destination: number, step: number, time: Duration, rate: number) => {
      const own = clusterBudgets[cluster]
      if (own !== undefined) this.#clusterPressure.add(cluster, step, worth(time, rate, own, jobsPerCluster))
      const other = destinationBudgets[destination]
      if (other !== undefined) this.#destinationPressure.add(destination, step, worth(time, rate, other))
    }
    let n = 0
    for (const job of this.jobs) {
      const { p50, p90, rate = 0 } = job
      const cluster = this.clusterOf(n)
      press(cluster, this.#destination[n] ?? -1, this.#step[n] ?? 0, p50, rate)
      if (cluster >= 0) {
        this.#before[n] = this.#last[cluster] ?? -1
        this.#last[cluster] = n
        this.#backlog[cluster] = this.backlogOf(cluster) + p50
        if (p90 > (this.#longest[cluster] ?? 0)) this.#longest[cluster] = p90
        const latest = latestStart(job)
        if (latest >= this.#now && latest < (this.#tightest[cluster] ?? 0)) this.#tightest[cluster] = latest
      }
      n++
    }
    for (const { clusterId, destination, rate = 0, endsAt = this.#now } of running)
      press(
        this.#clusterNames.find(clusterId),
        this.#destinationNames.find(destination),
        0,
        Math.max(0, endsAt - this.#now),
        rate,
      )
    for (const [clusterId, more] of backlogs ?? []) {
      const cluster = this.#clusterNames.find(clusterId)
      if (cluster >= 0 && more > this.backlogOf(cluster)) this.#backlog[cluster] = more
    }
  }

  /** In the order they were told. */
  #jobsOf(cluster: number): readonly QueuedJob[] {
    const jobs: QueuedJob[] = []
    for (let n = this.#last[cluster] ?? -1; n >= 0; n = this.#before[n] ?? -1) {
      const job = this.jobs[n]
      if (job !== undefined) jobs.push(job)
    }
    return jobs.reverse()
  }
}

/** The budget of each, by number. */
function budgetsOf<K extends string>(
  names: readonly K[],
  single: ReadonlyMap<K, Budget> | undefined,
  general: Budget | undefined,
): readonly (Budget | undefined)[] {
  return names.map(name => single?.get(name) ?? general)
}

/** When a job must start at the latest to be in time by its P90. */
export function latestStart({ deadline, p90 }: QueuedJob): Millis {
  return deadline - p90
}
