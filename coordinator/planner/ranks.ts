import type { Duration } from '../../shared/time/index.ts'
import type { Level } from './pressure.ts'
import type { Queue } from './queue.ts'

/** 0 overdue or close to it, 1 due soon, 2 in time. */
export type Urgency = 0 | 1 | 2

/** Jobs that differ only in their length and id, as far as their order goes. */
export interface Rank {
  readonly restore: boolean
  readonly urgency: Urgency
  /** Of the queues they stand in: more of them than time before their deadline. */
  readonly pressure: Level
  /** Importance plus one step for each hour waited. */
  readonly weight: number
  /** Median work queued in their cluster, milliseconds. */
  readonly backlog: Duration
  /** Where its jobs lie in the order: from here to before there. */
  from: number
  to: number
}

/** The ranks, class by class, and the numbers of their jobs. */
export interface Order {
  readonly classes: readonly (readonly Rank[])[]
  readonly jobs: Int32Array
}

/** Manual restores first, then each urgency. */
const classCount = 4
const levelCount = 3
/** Up to so many are sorted by insertion: most ranks hold a handful, which is not worth a call of the engine's sort. */
const few = 12

/** The ranks of a look while they are made: first each cluster's own, which are few; then those that stand level are one. */
export class Ranks {
  readonly #queue: Queue
  readonly #ranks: Rank[] = []
  /** By cluster its last rank, by rank the one of its cluster before it, by job its rank; -1: none. */
  readonly #last: Int32Array
  readonly #before: number[] = []
  readonly #of: Int32Array

  constructor(queue: Queue) {
    this.#queue = queue
    this.#last = new Int32Array(queue.clusters).fill(-1)
    this.#of = new Int32Array(queue.jobs.length)
  }

  /** @param job its number */
  add(job: number, restore: boolean, urgency: Urgency, pressure: Level, weight: number): void {
    const cluster = this.#queue.clusterOf(job)
    let n = cluster < 0 ? -1 : (this.#last[cluster] ?? -1)
    for (; n >= 0; n = this.#before[n] ?? -1) {
      const rank = this.#ranks[n]
      if (rank === undefined || rank.urgency !== urgency || rank.weight !== weight) continue
      // restores that a person waits for go by their urgency alone
      if (rank.restore !== restore || (!restore && rank.pressure !== pressure)) continue
      rank.to++
      this.#of[job] = n
      return
    }
    const backlog = cluster < 0 ? this.#queue.p50Of(job) : this.#queue.backlogOf(cluster)
    this.#of[job] = this.#ranks.push({ restore, urgency, pressure, weight, backlog, from: 0, to: 1 }) - 1
    this.#before.push(cluster < 0 ? -1 : (this.#last[cluster] ?? -1))
    if (cluster >= 0) this.#last[cluster] = this.#ranks.length - 1
  }

  /** Class by class, in each by pressure, weight and backlog, the highest first; then the longest, then by id. */
  inOrder(): Order {
    const groups: Rank[][] = Array.from({ length: classCount * levelCount }, () => [])
    for (const rank of this.#ranks) groups[groupOf(rank)]?.push(rank)
    let at = 0
    for (const group of groups)
      for (const rank of group.sort(heaviestFirst)) {
        const size = rank.to
        rank.from = at
        rank.to = at
        at += size
      }
    const jobs = new Int32Array(this.#of.length)
    for (let n = 0; n < jobs.length; n++) {
      const rank = this.#ranks[this.#of[n] ?? 0]
      if (rank !== undefined) jobs[rank.to++] = n
    }
    const merged = groups.map(levelAsOne)
    for (const group of merged) for (const { from, to } of group) this.#sort(jobs, from, to)
    const classes = Array.from({ length: classCount }, (_, n) =>
      merged.slice(n * levelCount, (n + 1) * levelCount).flat(),
    )
    return { classes, jobs }
  }

  #sort(jobs: Int32Array, from: number, to: number): void {
    if (to - from > few) {
      jobs.subarray(from, to).sort((a, b) => (this.#isBefore(a, b) ? -1 : this.#isBefore(b, a) ? 1 : 0))
      return
    }
    for (let i = from + 1; i < to; i++) {
      const job = jobs[i] ?? 0
      let at = i
      for (; at > from && this.#isBefore(job, jobs[at - 1] ?? 0); at--) jobs[at] = jobs[at - 1] ?? 0
      jobs[at] = job
    }
  }

  /** The longest first; then by id. */
  #isBefore(one: number, other: number): boolean {
    const a = this.#queue.p50Of(one)
    const b = this.#queue.p50Of(other)
    return a > b || (a === b && this.#queue.idOf(one) < this.#queue.idOf(other))
  }
}

function groupOf({ restore, urgency, pressure }: Rank): number {
  return restore ? urgency : (urgency + 1) * levelCount + (levelCount - 1 - pressure)
}

function heaviestFirst(a: Rank, b: Rank): number {
  return b.weight - a.weight || b.backlog - a.backlog
}

/** Clusters whose backlog is the same stand level. */
function levelAsOne(group: readonly Rank[]): readonly Rank[] {
  const apart: Rank[] = []
  for (const rank of group) {
    const last = apart.at(-1)
    if (last !== undefined && heaviestFirst(last, rank) === 0) last.to = rank.to
    else apart.push(rank)
  }
  return apart
}
