import type { ClusterId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { Numbering } from './numbering.ts'
import type { Budget, PlanInput, QueuedJob } from './port.ts'
import { type Level, Pressures, stepOf, worth } from './pressure.ts'

/** Traits of a job, a bit each. */
const candidates = 1
const further = 2

/**
 * The jobs of a look by number, and the queues they stand in: their cluster's and their destination's.
 *
 * What is asked of each again and again lies in columns. As objects a hundred thousand jobs are some 25 MB, read
 * again and again out of order, and what was kept for each cluster is another few: with columns a look takes half the
 * CPU time it took (docs/architecture/scale.md).
 */
export class Queue {
  readonly jobs: readonly QueuedJob[]
  readonly #now: Millis
  readonly clusterNames = new Numbering<ClusterId>()
  readonly destinationNames = new Numbering<string>()
  /** By job: its id, median and bytes a second; its cluster and destination, -1 without; the step of its slack; its traits. */
  readonly #id: JobId[]
  readonly #p50: Float64Array
  readonly #rate: Float64Array
  readonly #cluster: Int32Array
  readonly #destination: Int32Array
  readonly #step: Uint8Array
  readonly #traits: Uint8Array
  /** By cluster: median work, the longest P90, the first latest start that has not passed. */
  readonly #backlog: number[] = []
  readonly #longest: number[] = []
  readonly #tightest: number[] = []
  /** The last job of each cluster, and before each job the one of its cluster before it; -1: none. */
  readonly #last: number[] = []
  readonly #before: Int32Array
  readonly #clusterPressure: Pressures
  readonly #destinationPressure: Pressures

  constructor(jobs: readonly QueuedJob[], input: PlanInput) {
    this.jobs = jobs
    this.#now = input.now.wall
    // as long as it will be: one that grows is copied again and again
    this.#id = new Array<JobId>(jobs.length)
    this.#p50 = new Float64Array(jobs.length)
    this.#rate = new Float64Array(jobs.length)
    this.#cluster = new Int32Array(jobs.length)
    this.#destination = new Int32Array(jobs.length)
    this.#step = new Uint8Array(jobs.length)
    this.#traits = new Uint8Array(jobs.length)
    this.#before = new Int32Array(jobs.length)
    const last = this.#read()
    this.#clusterPressure = new Pressures(this.clusters, last)
    this.#destinationPressure = new Pressures(this.destinationNames.count, last)
    this.#press(input)
    for (const [clusterId, more] of input.backlogs ?? []) {
      const cluster = this.clusterNames.find(clusterId)
      if (cluster >= 0 && more > this.backlogOf(cluster)) this.#backlog[cluster] = more
    }
  }

  idOf(job: number): JobId {
    return this.#id[job] as JobId
  }

  /** The median of its duration. */
  p50Of(job: number): Duration {
    return this.#p50[job] ?? 0
  }

  /** Bytes a second; 0 where they are not known. */
  rateOf(job: number): number {
    return this.#rate[job] ?? 0
  }

  /** The number of its destination; -1 where it has none. */
  destinationOf(job: number): number {
    return this.#destination[job] ?? -1
  }

  job(n: number): QueuedJob {
    const job = this.jobs[n]
    if (job === undefined) throw new RangeError(`no job has the number ${n}`)
    return job
  }

  /** Whether anyone could do it. */
  hasCandidate(job: number): boolean {
    return ((this.#traits[job] ?? 0) & candidates) !== 0
  }

  /** Whether it stores in more than the one destination. */
  hasFurther(job: number): boolean {
    return ((this.#traits[job] ?? 0) & further) !== 0
  }

  get clusters(): number {
    return this.clusterNames.count
  }

  /** The number of its cluster; -1 where it has none. */
  clusterOf(job: number): number {
    return this.#cluster[job] ?? -1
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
    const other = own === 2 ? 0 : this.#destinationPressure.levelOf(this.destinationOf(job), step)
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

  /** Fills the columns. Returns the last step of a slack. */
  #read(): number {
    let last = 0
    for (let n = 0; n < this.jobs.length; n++) {
      const job = this.job(n)
      const step = stepOf(job.deadline - this.#now)
      if (step > last) last = step
      this.#id[n] = job.id
      this.#p50[n] = job.p50
      this.#step[n] = step
      this.#traits[n] =
        (job.candidates.length > 0 ? candidates : 0) | (job.further === undefined ? 0 : further)
      this.#destination[n] = this.destinationNames.of(job.destination)
      this.#cluster[n] = this.#join(n, job)
      this.#rate[n] = job.rate ?? 0
    }
    return last
  }

  /** Puts a job into its cluster. Returns the number of that. */
  #join(n: number, job: QueuedJob): number {
    const cluster = this.clusterNames.of(job.clusterId)
    if (cluster < 0) return cluster
    if (cluster === this.#last.length) {
      this.#backlog.push(0)
      this.#longest.push(0)
      this.#tightest.push(Number.POSITIVE_INFINITY)
      this.#last.push(-1)
    }
    this.#before[n] = this.#last[cluster] ?? -1
    this.#last[cluster] = n
    this.#backlog[cluster] = this.backlogOf(cluster) + job.p50
    if (job.p90 > (this.#longest[cluster] ?? 0)) this.#longest[cluster] = job.p90
    const latest = latestStart(job)
    if (latest >= this.#now && latest < (this.#tightest[cluster] ?? 0)) this.#tightest[cluster] = latest
    return cluster
  }

  /** What waits presses by its deadline; what runs holds up all. */
  #press({ budgets, jobsPerCluster = 1, running }: PlanInput): void {
    const clusterBudgets = budgetsOf(this.clusterNames.names, budgets?.clusters, budgets?.cluster ?? {})
    const destinationBudgets = budgetsOf(
      this.destinationNames.names,
      budgets?.destinations,
      budgets?.destination,
    )
    const press = (cluster: number, destination: number, step: number, time: Duration, rate: number) => {
      const own = cluster < 0 ? undefined : clusterBudgets[cluster]
      if (own !== undefined) this.#clusterPressure.add(cluster, step, worth(time, rate, own, jobsPerCluster))
      const other = destination < 0 ? undefined : destinationBudgets[destination]
      if (other !== undefined) this.#destinationPressure.add(destination, step, worth(time, rate, other))
    }
    for (let n = 0; n < this.jobs.length; n++)
      press(this.clusterOf(n), this.destinationOf(n), this.#step[n] ?? 0, this.p50Of(n), this.rateOf(n))
    for (const { clusterId, destination, rate = 0, endsAt = this.#now } of running)
      press(
        this.clusterNames.find(clusterId),
        this.destinationNames.find(destination),
        0,
        Math.max(0, endsAt - this.#now),
        rate,
      )
    this.#clusterPressure.judge()
    this.#destinationPressure.judge()
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
