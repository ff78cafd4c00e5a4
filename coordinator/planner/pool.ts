import type { ClusterId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { Reason } from './port.ts'

/** What a job takes of every pool it passes through, and until when at the latest. */
export interface Demand {
  readonly jobId: JobId
  /** Whole bytes a second, so that sums are exact. */
  readonly rate: number
  /** Memory and disk it takes of its host, bytes. */
  readonly bufferBytes: number | undefined
  readonly stagingBytes: number | undefined
  readonly endsAt: Millis
}

/** Budget kept for a job from a time on, and what of the pool is left beside it then. */
interface Reservation {
  readonly jobId: JobId
  readonly from: Millis
  readonly until: Millis
  readonly rate: number
  spareSlots: number
  spareRate: number
}

/** At most this part of a destination's budget to one cluster while others of its class wait. */
const fairShare = 1 / 3
/** A job that is past its P90 ends soon, by all we know; "now" would let a reservation stand for ever. */
const overrun: Duration = 60_000

export type PoolKind = 'host' | 'memory' | 'staging' | 'cluster' | 'site' | 'destination'

/**
 * One thing with a budget: a host, its memory for buffers, its staging disk, a cluster, a site, a destination. What
 * runs and what this plan placed takes slots and an amount of it (bytes a second; bytes of memory and disk); a reservation keeps some from a time on (EASY back-fill, facts-runtime H2).
 */
export class Pool {
  readonly kind: PoolKind
  readonly name: string
  readonly slots: number
  /** The amount there is of it. */
  readonly rate: number
  readonly #now: Millis
  // made when needed: most of some ten thousand pools of a look need none of them
  #taken: Demand[] | undefined
  #sorted = true
  #shares: Map<ClusterId, { slots: number; rate: number }> | undefined
  #reservations: Reservation[] | undefined
  #reservedIn: Set<number> | undefined
  #first: JobId | undefined
  #usedSlots = 0
  #usedRate = 0
  /** Clusters that wait for this pool in the class that is placed now, by number; -1 are those without. */
  #waiting: Set<number> | undefined
  #full: readonly [Reason] | undefined

  constructor(
    kind: PoolKind,
    name: string,
    slots: number | undefined,
    rate: number | undefined,
    now: Millis,
  ) {
    this.kind = kind
    this.name = name
    this.slots = slots ?? Number.POSITIVE_INFINITY
    this.rate = rate ?? Number.POSITIVE_INFINITY
    this.#now = now
  }

  get used(): number {
    return this.#usedSlots
  }

  get usedRate(): number {
    return this.#usedRate
  }

  /** One that took of it: the lowest id, whatever the order they were told in. */
  get first(): JobId | undefined {
    return this.#first
  }

  /** What a job wants of this pool. */
  amountOf({ rate, bufferBytes = 0, stagingBytes = 0 }: Demand): number {
    return this.kind === 'memory' ? bufferBytes : this.kind === 'staging' ? stagingBytes : rate
  }

  /**
   * What a job takes of this pool: one that wants more than there is gets all there is, and takes longer. A disk
   * gives no more than it has: what does not fit has no use for less.
   */
  ask(amount: number): number {
    return this.kind === 'staging' ? amount : Math.min(amount, this.rate)
  }

  hasSlot(extra: number): boolean {
    return this.#usedSlots < this.slots + extra
  }

  hasRate(rate: number): boolean {
    return this.#usedRate + this.ask(rate) <= this.rate
  }

  /** The reservation a job would break: it ends after that begins, and what is left beside it is too little. */
  blockedBy(amount: number, endsAt: Millis): { readonly jobId: JobId; readonly from: Millis } | undefined {
    if (this.#reservations === undefined) return undefined
    const rate = this.ask(amount)
    for (const each of this.#reservations)
      if (endsAt > each.from && (each.spareSlots < 1 || each.spareRate < rate)) return each
    return undefined
  }

  take(demand: Demand, clusterId?: ClusterId): void {
    const rate = this.ask(this.amountOf(demand))
    if (this.#first === undefined || demand.jobId < this.#first) this.#first = demand.jobId
    this.#usedSlots++
    this.#usedRate += rate
    // mostly one: an array that is made to grow takes room for seventeen
    if (this.#taken === undefined) this.#taken = [demand]
    else this.#taken.push(demand)
    this.#sorted = false
    this.#full = undefined
    for (const each of this.#reservations ?? [])
      if (demand.endsAt > each.from) {
        each.spareSlots--
        each.spareRate -= rate
      }
    if (clusterId === undefined || this.kind !== 'destination') return
    this.#shares ??= new Map()
    const share = this.#shares.get(clusterId)
    if (share === undefined) this.#shares.set(clusterId, { slots: 1, rate })
    else {
      share.slots++
      share.rate += rate
    }
  }

  /** Whether one more would give a cluster more than its fair share; its first job is never refused for that. */
  isUnfair(clusterId: ClusterId | undefined, rate: number): boolean {
    const share = clusterId === undefined ? undefined : this.#shares?.get(clusterId)
    if (share === undefined) return false
    return share.slots + 1 > this.slots * fairShare || share.rate + this.ask(rate) > this.rate * fairShare
  }

  /** A job of the class that is placed now waits for want of this budget. */
  waits(cluster: number): void {
    this.#waiting ??= new Set()
    this.#waiting.add(cluster)
  }

  othersWait(cluster: number): boolean {
    return this.#waiting !== undefined && this.#waiting.size > (this.#waiting.has(cluster) ? 1 : 0)
  }

  nextClass(): void {
    this.#waiting = undefined
  }

  /** Whether the class's first job that had no room here has its reservation. */
  isReservedIn(urgency: number): boolean {
    return this.#reservedIn?.has(urgency) ?? false
  }

  /** When this has room for it, by the P90 ends of what runs and what is reserved; undefined: never. */
  earliest(rate: number): Millis | undefined {
    const asked = this.ask(rate)
    let slots = this.#usedSlots
    let taken = this.#usedRate
    const fits = () => slots + 1 <= this.slots && taken + asked <= this.rate
    const reservations = this.#reservations ?? []
    for (const each of reservations) {
      slots++
      taken += each.rate
    }
    if (fits()) return this.#now
    const ends = this.#byEnd().map(each => ({ endsAt: this.#endOf(each), amount: this.#amountTaken(each) }))
    if (reservations.length > 0) {
      for (const { until, rate: amount } of reservations) ends.push({ endsAt: until, amount })
      ends.sort((a, b) => a.endsAt - b.endsAt)
    }
    for (const each of ends) {
      slots--
      taken -= each.amount
      if (fits()) return each.endsAt
    }
    return undefined
  }

  reserve(jobId: JobId, urgency: number, from: Millis, until: Millis, rate: number): void {
    const asked = this.ask(rate)
    let spareSlots = this.slots - 1
    let spareRate = this.rate - asked
    for (const each of this.#taken ?? [])
      if (this.#endOf(each) > from) {
        spareSlots--
        spareRate -= this.#amountTaken(each)
      }
    for (const each of this.#reservations ?? [])
      if (each.until > from && each.from < until) {
        spareSlots--
        spareRate -= each.rate
      }
    this.#reservedIn ??= new Set()
    this.#reservedIn.add(urgency)
    this.#reservations ??= []
    this.#reservations.push({ jobId, from, until, rate: asked, spareSlots, spareRate })
  }

  /** Why it has no slot; said once for each state it is in, as thousands may wait for the same. */
  full(make: (pool: Pool) => Reason): readonly [Reason] {
    this.#full ??= [make(this)]
    return this.#full
  }

  #byEnd(): readonly Demand[] {
    this.#taken ??= []
    if (!this.#sorted) this.#taken.sort((a, b) => this.#endOf(a) - this.#endOf(b))
    this.#sorted = true
    return this.#taken
  }

  #endOf({ endsAt }: Demand): Millis {
    return Math.max(endsAt, this.#now + overrun)
  }

  #amountTaken(demand: Demand): number {
    return this.ask(this.amountOf(demand))
  }
}
