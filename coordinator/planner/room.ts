import type { AgentId, ClusterId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { Numbering } from './numbering.ts'
import { type Demand, Pool } from './pool.ts'
import type { AgentCapacity, Budget, PlanInput, QueuedJob } from './port.ts'
import type { Queue } from './queue.ts'

/** A host with its agent: its own pools, and its site's. */
export interface Seat {
  readonly agent: AgentCapacity
  readonly host: Pool
  /** Its memory for buffers and its staging disk, as far as they are known. */
  readonly stores: readonly Pool[]
  readonly site: Pool | undefined
}

const none: Budget = {}
const nothing: readonly Pool[] = []

/** The rate of a host is what its budget and its agent both allow. */
function slower(budget: Budget, agent: AgentCapacity): number | undefined {
  const { bytesPerSecond: one } = budget
  const { bytesPerSecond: other } = agent
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other)
}

/** Every pool of a picture, with what runs already taken from it. */
export class Room {
  readonly #input: PlanInput
  readonly #now: Millis
  /** Where in the input each is, and its seat by that place. */
  readonly #agents = new Map<AgentId, number>()
  readonly #seats: (Seat | undefined)[]
  readonly #sites = new Map<string, Pool>()
  readonly #clusterNames: Numbering<ClusterId>
  readonly #clusters: (Pool | undefined)[]
  readonly #destinations = new Map<string, readonly Pool[]>()
  readonly #destinationNames: Numbering<string>
  /** The same by number. */
  readonly #destinationsAt: (readonly Pool[] | undefined)[]

  /** @param names clusters and destinations that have anything to do with the look */
  constructor(
    input: PlanInput,
    { clusterNames: clusters, destinationNames }: Pick<Queue, 'clusterNames' | 'destinationNames'>,
  ) {
    this.#input = input
    this.#now = input.now.wall
    this.#clusterNames = clusters
    this.#destinationNames = destinationNames
    this.#destinationsAt = new Array<undefined>(destinationNames.count).fill(undefined)
    // filled: what is begun at a far end becomes a dictionary
    this.#clusters = new Array<undefined>(clusters.count).fill(undefined)
    this.#seats = new Array<undefined>(input.agents.length).fill(undefined)
    let n = 0
    for (const { id } of input.agents) this.#agents.set(id, n++)
    for (const job of input.running) {
      const demand = {
        jobId: job.id,
        rate: Math.ceil(job.rate ?? 0),
        bufferBytes: job.bufferBytes,
        stagingBytes: job.stagingBytes,
        endsAt: job.endsAt ?? this.#now,
      }
      const seat = this.seat(job.agentId)
      this.take(
        demand,
        seat,
        this.cluster(clusters.find(job.clusterId)),
        this.destinations(job),
        job.clusterId,
      )
    }
  }

  take(
    demand: Demand,
    seat: Seat | undefined,
    cluster: Pool | undefined,
    destinations: readonly Pool[],
    clusterId: ClusterId | undefined,
  ): void {
    seat?.host.take(demand)
    for (const pool of seat?.stores ?? []) if (pool.amountOf(demand) > 0) pool.take(demand)
    seat?.site?.take(demand)
    cluster?.take(demand)
    for (const pool of destinations) pool.take(demand, clusterId)
  }

  seat(id: AgentId): Seat | undefined {
    const n = this.#agents.get(id)
    const agent = n === undefined ? undefined : this.#input.agents[n]
    if (n === undefined || agent === undefined) return undefined
    this.#seats[n] ??= this.#seatOf(agent)
    return this.#seats[n]
  }

  /** @param n its number; -1 is none */
  cluster(n: number): Pool | undefined {
    const id = n < 0 ? undefined : this.#clusterNames.names[n]
    if (id === undefined) return undefined
    this.#clusters[n] ??= this.#clusterOf(id)
    return this.#clusters[n]
  }

  /** Those a job stores in that have a budget. */
  destinations({ destination, further }: Pick<QueuedJob, 'destination' | 'further'>): readonly Pool[] {
    if (destination === undefined && further === undefined) return nothing
    if (further !== undefined) return [destination, ...further].flatMap(each => this.#destination(each))
    return this.#destination(destination)
  }

  /** @param n the number of the only one; -1 is none */
  destinationsAt(n: number): readonly Pool[] {
    if (n < 0) return nothing
    this.#destinationsAt[n] ??= this.#destination(this.#destinationNames.names[n])
    return this.#destinationsAt[n]
  }

  nextClass(): void {
    for (const [pool] of this.#destinations.values()) pool?.nextClass()
  }

  #seatOf(agent: AgentCapacity): Seat {
    const { budgets } = this.#input
    const budget = budgets?.hosts?.get(agent.host) ?? budgets?.host ?? none
    const slots = Math.min(agent.slots, budget.slots ?? agent.slots)
    const host = new Pool('host', agent.host, slots, slower(budget, agent), this.#now)
    return { agent, host, stores: this.#storesOf(agent), site: this.#site(agent.site) }
  }

  #clusterOf(id: ClusterId): Pool {
    const { budgets, jobsPerCluster = 1 } = this.#input
    const { slots = jobsPerCluster, bytesPerSecond } = budgets?.clusters?.get(id) ?? budgets?.cluster ?? none
    return new Pool('cluster', id, slots, bytesPerSecond, this.#now)
  }

  #storesOf({ host, bufferBytes, stagingBytes }: AgentCapacity): readonly Pool[] {
    if (bufferBytes === undefined && stagingBytes === undefined) return nothing
    const one = (kind: 'memory' | 'staging', bytes: number | undefined) =>
      bytes === undefined ? [] : [new Pool(kind, host, undefined, bytes, this.#now)]
    return [...one('memory', bufferBytes), ...one('staging', stagingBytes)]
  }

  /** One; none where nothing limits it. */
  #destination(name: string | undefined): readonly Pool[] {
    if (name === undefined) return nothing
    const known = this.#destinations.get(name)
    if (known !== undefined) return known
    const budget = this.#input.budgets?.destinations?.get(name) ?? this.#input.budgets?.destination
    const fresh =
      budget === undefined
        ? nothing
        : [new Pool('destination', name, budget.slots, budget.bytesPerSecond, this.#now)]
    this.#destinations.set(name, fresh)
    return fresh
  }

  #site(name: string | undefined): Pool | undefined {
    if (name === undefined) return undefined
    const budget = this.#input.budgets?.sites?.get(name) ?? this.#input.budgets?.site
    if (budget === undefined) return undefined
    const known = this.#sites.get(name)
    if (known !== undefined) return known
    const fresh = new Pool('site', name, budget.slots, budget.bytesPerSecond, this.#now)
    this.#sites.set(name, fresh)
    return fresh
  }
}
