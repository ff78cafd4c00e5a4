import type { ClusterId, JobId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import { inOrder, isManualRestore } from './order.ts'
import type { Demand, Pool } from './pool.ts'
import type { PlanDecision, PlanInput, QueuedJob, Reason } from './port.ts'
import { latestStart, Queue } from './queue.ts'
import type { Rank } from './ranks.ts'
import * as because from './reasons.ts'
import { Room, type Seat } from './room.ts'
import { openingOf } from './window.ts'

/**
 * The planner (architecture §9, facts-runtime H1–H3). In order of need, each job to the candidate that is preferred
 * and has the most room, within every budget: host (slots, bytes a second, memory for buffers, staging disk), site,
 * cluster, destination. The first job of a class that a
 * budget keeps from starting gets a reservation of it at its earliest start; a later one may start only if it ends
 * before that or leaves the reserved amount free. A cluster takes no more than its fair share of a destination
 * while others of its class wait for it. A manual restore may use one slot more than its host has, waits neither
 * for its cluster nor for a reservation, and takes no bytes a second: budgets are of what is stored.
 *
 * One decision for each queued job, in the order considered, with codes and numbers for what stood in its way.
 */
export function plan(input: PlanInput): readonly PlanDecision[] {
  return new Planning(input).run()
}

/** What passes between an end and the next look, and what a prediction is off by when it is good. */
const margin = 30_000

/** A job that would give its cluster more than its share, and its place among the decisions. */
interface Deferred {
  readonly at: number
  /** Its number. */
  readonly job: number
  readonly rank: Rank
  readonly pool: Pool
}

type Asleep = Extract<PlanDecision, { kind: 'wait' }>

class Planning {
  readonly #input: PlanInput
  readonly #room: Room
  readonly #now: Millis
  readonly #queue: Queue
  readonly #later: Asleep[] = []
  /** By number of the cluster. */
  readonly #tight: (readonly QueuedJob[] | undefined)[]

  constructor(input: PlanInput) {
    this.#input = input
    this.#now = input.now.wall
    this.#queue = new Queue(this.#awake(), input)
    this.#room = new Room(input, this.#queue)
    this.#tight = new Array<undefined>(this.#queue.clusters).fill(undefined)
  }

  run(): readonly PlanDecision[] {
    const { classes, jobs } = inOrder(this.#queue, this.#now)
    const decisions = new Array<PlanDecision>(jobs.length)
    let at = 0
    for (const ranks of classes) {
      const deferred: Deferred[] = []
      for (const rank of ranks)
        for (let n = rank.from; n < rank.to; n++) {
          const job = jobs[n] ?? 0
          const decision = this.#place(job, rank, true)
          if (decision.kind === 'defer') {
            const { pool } = decision
            deferred.push({ at, job, rank, pool })
            decisions[at++] = wait(this.#queue.idOf(job), [because.unfair(pool)])
          } else decisions[at++] = decision
        }
      // what others of the class left over is no longer unfair to take
      for (const { at, job, rank, pool } of deferred) {
        if (pool.othersWait(this.#queue.clusterOf(job))) continue
        const decision = this.#place(job, rank, false)
        if (decision.kind !== 'defer') decisions[at] = decision
      }
      this.#room.nextClass()
    }
    for (const each of this.#later.sort(soonestFirst)) decisions.push(each)
    return decisions
  }

  /** The jobs that something else than time may wake: mostly all. */
  #awake(): readonly QueuedJob[] {
    const { queued } = this.#input
    let awake: QueuedJob[] | undefined
    for (let n = 0; n < queued.length; n++) {
      const job = queued[n] as QueuedJob
      const asleep = this.#asleep(job)
      if (asleep === undefined) awake?.push(job)
      else {
        awake ??= queued.slice(0, n)
        this.#later.push(asleep)
      }
    }
    return awake ?? queued
  }

  /** A job that only time can wake. */
  #asleep(job: QueuedJob): Asleep | undefined {
    if (job.notBefore > this.#now)
      return { kind: 'wait', jobId: job.id, until: job.notBefore, reasons: [because.notBefore(job)] }
    if (job.windows === undefined || isManualRestore(job)) return undefined
    const opening = openingOf(job.windows, this.#now, job.p90, job.mustFinish ?? true)
    if (opening.kind === 'open') return undefined
    const reasons = [because.closed(job, opening)]
    return opening.kind === 'later'
      ? { kind: 'wait', jobId: job.id, until: opening.at, reasons }
      : { kind: 'wait', jobId: job.id, reasons }
  }

  /** @param n its number */
  #place(
    n: number,
    rank: Rank,
    fairly: boolean,
  ): PlanDecision | { readonly kind: 'defer'; readonly pool: Pool } {
    const { restore, urgency } = rank
    const cluster = this.#room.cluster(this.#queue.clusterOf(n))
    const id = this.#queue.idOf(n)
    const job = this.#queue.job(n)
    if (!this.#queue.hasCandidate(n)) return wait(id, [because.noCandidate(job)])
    if (!restore && cluster !== undefined && !cluster.hasSlot(0))
      return wait(id, cluster.full(because.clusterBusy))

    const first = restore || cluster === undefined ? undefined : this.#letsGoFirst(n, job)
    if (first !== undefined) return wait(job.id, [because.letsGoFirst(job, first)])

    const rate = restore ? 0 : Math.ceil(this.#queue.rateOf(n))
    const destinations = restore ? [] : this.#destinationsOf(n)
    for (const destination of destinations) {
      const lacking = lack(destination, rate, job, this.#now)
      if (lacking === undefined) continue
      if (lacking[0].code === 'reserved') return wait(id, lacking)
      destination.waits(this.#queue.clusterOf(n))
      // most of a crowd need no more than this: one alone has the reservation
      if (destination.isReservedIn(urgency)) return wait(id, lacking)
      return this.#reserve(job, urgency, this.#demandOf(job, rate), destination, cluster) ?? wait(id, lacking)
    }
    // a cluster's first job is never unfair
    const alone = cluster === undefined || cluster.used === 0
    const unfair = alone || !fairly ? undefined : unfairOf(destinations, job.clusterId, rate)
    if (unfair !== undefined) return { kind: 'defer', pool: unfair }
    const demand = this.#demandOf(job, rate)
    if (cluster !== undefined && !restore && cluster.rate !== Number.POSITIVE_INFINITY) {
      const inCluster = lack(cluster, rate, job, this.#now)
      if (inCluster !== undefined) {
        const kept =
          inCluster[0].code === 'reserved' ? undefined : this.#reserve(job, urgency, demand, cluster, cluster)
        return kept ?? wait(job.id, inCluster)
      }
    }
    return this.#seatOf(job, rank, demand, cluster, destinations)
  }

  #destinationsOf(n: number): readonly Pool[] {
    return this.#queue.hasFurther(n)
      ? this.#room.destinations(this.#queue.job(n))
      : this.#room.destinationsAt(this.#queue.destinationOf(n))
  }

  #demandOf({ id, bufferBytes, stagingBytes, p90 }: QueuedJob, rate: number): Demand {
    return { jobId: id, rate, bufferBytes, stagingBytes, endsAt: this.#now + p90 }
  }

  #seatOf(
    job: QueuedJob,
    standing: Rank,
    demand: Demand,
    cluster: Pool | undefined,
    destinations: readonly Pool[],
  ): PlanDecision {
    const { restore, urgency } = standing
    const extra = restore ? 1 : 0
    const passedOver: Reason[] = []
    let best: Seat | undefined
    let bestRank = 0
    let contended: Pool | undefined
    for (const id of job.candidates) {
      const seat = this.#room.seat(id)
      const absent = because.agentAbsent(seat?.agent, id)
      if (seat === undefined || absent !== undefined) {
        if (absent !== undefined) passedOver.push(absent)
        continue
      }
      const lacking = this.#lackOf(seat, demand, restore, job)
      if (lacking !== undefined) {
        passedOver.push(lacking.reason)
        if (lacking.reason.code !== 'no-slot' && lacking.reason.code !== 'reserved')
          contended = firstOf(contended, lacking.pool)
        continue
      }
      const rank = job.ranks?.get(id) ?? 1
      if (best === undefined) {
        best = seat
        bestRank = rank
      } else if (rank < bestRank || (rank === bestRank && roomier(seat, best))) {
        passedOver.push(this.#second(best, bestRank, rank, extra, job))
        best = seat
        bestRank = rank
      } else passedOver.push(this.#second(seat, rank, bestRank, extra, job))
    }
    if (best === undefined) {
      const kept =
        contended === undefined ? undefined : this.#reserve(job, urgency, demand, contended, cluster)
      return kept ?? wait(job.id, passedOver)
    }
    const { agent, host } = best
    const reason = because.placed(job, standing, host, agent, host.slots + extra, this.#now)
    this.#room.take(demand, best, cluster, destinations, job.clusterId)
    return { kind: 'assign', jobId: job.id, agentId: agent.id, reasons: [reason, ...passedOver] }
  }

  #second(seat: Seat, rank: number, other: number, extra: number, job: QueuedJob): Reason {
    return rank === other
      ? because.fuller(seat.agent, seat.host.used, seat.host.slots + extra)
      : because.lowerRank(seat.agent, rank, other, job.kind)
  }

  #lackOf(
    { host, site, stores }: Seat,
    demand: Demand,
    restore: boolean,
    job: QueuedJob,
  ): { readonly pool: Pool; readonly reason: Reason } | undefined {
    const extra = restore ? 1 : 0
    if (!host.hasSlot(extra)) {
      return { pool: host, reason: restore ? because.noSlot(host, extra) : host.full(because.noSlot)[0] }
    }
    if (restore) return undefined
    const onHost = lack(host, demand.rate, job, this.#now)
    if (onHost !== undefined) return { pool: host, reason: onHost[0] }
    for (const pool of stores) {
      const amount = pool.amountOf(demand)
      const inStore = amount > 0 ? lack(pool, amount, job, this.#now) : undefined
      if (inStore !== undefined) return { pool, reason: inStore[0] }
    }
    const atSite = site === undefined ? undefined : lack(site, demand.rate, job, this.#now)
    return site === undefined || atSite === undefined ? undefined : { pool: site, reason: atSite[0] }
  }

  /**
   * Keeps budget for the first job of a class that `contended` keeps from starting: at its earliest start, on all
   * pools it will pass through. Undefined where another of its class has one there, or nothing will ever free it.
   */
  #reserve(
    job: QueuedJob,
    urgency: number,
    demand: Demand,
    contended: Pool,
    cluster: Pool | undefined,
  ): PlanDecision | undefined {
    if (contended.isReservedIn(urgency)) return undefined
    const shared = [cluster, ...this.#room.destinations(job)]
    let best: { readonly seat: Seat; readonly at: Millis; readonly pools: readonly Pool[] } | undefined
    for (const id of job.candidates) {
      const seat = this.#room.seat(id)
      if (seat === undefined || because.agentAbsent(seat.agent, id) !== undefined) continue
      const stores = seat.stores.filter(pool => pool.amountOf(demand) > 0)
      const pools = [seat.host, ...stores, seat.site, ...shared].filter(each => each !== undefined)
      let at = this.#now
      for (const pool of pools)
        at = Math.max(at, pool.earliest(pool.amountOf(demand)) ?? Number.POSITIVE_INFINITY)
      if (at === Number.POSITIVE_INFINITY) continue
      if (best === undefined || at < best.at || (at === best.at && seat.agent.id < best.seat.agent.id))
        best = { seat, at, pools }
    }
    if (best === undefined) return undefined
    for (const pool of best.pools)
      pool.reserve(job.id, urgency, best.at, best.at + job.p90, pool.amountOf(demand))
    const lacking = contended.hasSlot(0)
      ? because.noRate(contended, contended.amountOf(demand))
      : because.noSlot(contended)
    return {
      kind: 'wait',
      jobId: job.id,
      reasons: [because.reservation(contended, best.seat.agent, best.at), lacking],
      reserved: { agentId: best.seat.agent.id, at: best.at },
    }
  }

  /**
   * A job that would hold its cluster lets those go first that would be late behind it, as long as it can itself
   * wait for all of them: what runs is not interrupted, and its own urgency only says that it is long. One that is
   * going to be late anyway waits for little ones only.
   */
  #letsGoFirst(n: number, job: QueuedJob): QueuedJob | undefined {
    const mates = this.#tightOf(this.#queue.clusterOf(n))
    if (mates.length === 0) return undefined
    const { p50, p90 } = job
    const spare = job.deadline - this.#now - p50
    const room = spare < 0 ? p50 / 10 : spare
    let first: QueuedJob | undefined
    let needed = 0
    for (const mate of mates) {
      const slack = latestStart(mate) - this.#now
      if (slack >= p90 + margin) break
      if (mate.p90 >= p90 || !this.#couldStart(mate)) continue
      needed += mate.p90
      if (
        first === undefined ||
        mate.deadline < first.deadline ||
        (mate.deadline === first.deadline && mate.id < first.id)
      )
        first = mate
    }
    return needed <= room ? first : undefined
  }

  /** Those that the longest of a cluster could make late; found once for each that is asked for. */
  #tightOf(cluster: number): readonly QueuedJob[] {
    this.#tight[cluster] ??= this.#queue.tightOf(cluster, margin)
    return this.#tight[cluster]
  }

  #couldStart(job: QueuedJob): boolean {
    const rate = Math.ceil(job.rate ?? 0)
    if (this.#room.destinations(job).some(each => !each.hasSlot(0) || !each.hasRate(rate))) return false
    return job.candidates.some(id => {
      const seat = this.#room.seat(id)
      return seat?.agent.connected === true && !seat.agent.draining && seat.host.hasSlot(0)
    })
  }
}

function wait(jobId: JobId, reasons: readonly Reason[]): PlanDecision {
  return { kind: 'wait', jobId, reasons }
}

/** What of a pool a job lacks now, if anything: slots, bytes a second, or what is kept for another. */
function lack(pool: Pool, amount: number, job: QueuedJob, now: Millis): readonly [Reason] | undefined {
  if (!pool.hasSlot(0)) return pool.full(because.noSlot)
  if (!pool.hasRate(amount)) return [because.noRate(pool, amount)]
  const kept = pool.blockedBy(amount, now + job.p90)
  return kept === undefined ? undefined : [because.reservedFor(pool, kept, job.p90)]
}

/** The first destination of which one more would give a cluster more than its fair share. */
function unfairOf(
  destinations: readonly Pool[],
  clusterId: ClusterId | undefined,
  rate: number,
): Pool | undefined {
  for (const each of destinations) if (each.isUnfair(clusterId, rate)) return each
  return undefined
}

/** By when time wakes them, those it never does last; then by id. */
function soonestFirst(a: Asleep, b: Asleep): number {
  const { until: one = Number.POSITIVE_INFINITY } = a
  const { until: other = Number.POSITIVE_INFINITY } = b
  return one === other ? (a.jobId < b.jobId ? -1 : 1) : one - other
}

/** Whichever comes first by kind and name, so that it does not matter in which order candidates are told. */
function firstOf(one: Pool | undefined, other: Pool): Pool {
  if (one === undefined) return other
  return `${other.kind} ${other.name}` < `${one.kind} ${one.name}` ? other : one
}

/** Most free slots, then id. */
function roomier(one: Seat, other: Seat): boolean {
  const more = one.host.slots - one.host.used - (other.host.slots - other.host.used)
  return more > 0 || (more === 0 && one.agent.id < other.agent.id)
}
