import type { AgentId, ClusterId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import { type Demand, Pool } from './pool.ts'
import type { AgentCapacity, Budget, PlanInput, QueuedJob } from './port.ts'

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
function slower(budget: Budget, agent: AgentCapacity): Pick<Budget, 'bytesPerSecond'> {
  const rates = [budget.bytesPerSecond, agent.bytesPerSecond].filter(each => each !== undefined)
  return rates.length === 0 ? {} : { bytesPerSecond: Math.min(...rates) }
}

/** Every pool of a picture, with what runs already taken from it. */
export class Room {
  readonly #input: PlanInput
  readonly #now: Millis
  readonly #agents = new Map<AgentId, AgentCapacity>()
  readonly #seats = new Map<AgentId, Seat>()
  readonly #sites = new Map<string, Pool>()
  readonly #clusters = new Map<ClusterId, Pool>()
  readonly #destinations = new Map<string, Pool>()

  constructor(input: PlanInput) {
    this.#input = input
    this.#now = input.now.wall
    for (const agent of input.agents) this.#agents.set(agent.id, agent)
    for (const job of input.running) {
      const demand = {
        jobId: job.id,
        rate: Math.ceil(job.rate ?? 0),
        ...(job.bufferBytes === undefined ? {} : { bufferBytes: job.bufferBytes }),
        ...(job.stagingBytes === undefined ? {} : { stagingBytes: job.stagingBytes }),
        endsAt: job.endsAt ?? this.#now,
      }
      const seat = this.seat(job.agentId)
      this.take(demand, seat, this.cluster(job.clusterId), this.destinations(job), job.clusterId)
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
    const known = this.#seats.get(id)
    if (known !== undefined) return known
    const agent = this.#agents.get(id)
    if (agent === undefined) return undefined
    const { budgets } = this.#input
    const budget = budgets?.hosts?.get(agent.host) ?? budgets?.host ?? none
    const slots = Math.min(agent.slots, budget.slots ?? agent.slots)
    const host = new Pool('host', agent.host, { ...budget, slots, ...slower(budget, agent) }, this.#now)
    const seat = { agent, host, stores: this.#storesOf(agent), site: this.#site(agent.site) }
    this.#seats.set(id, seat)
    return seat
  }

  cluster(id: ClusterId | undefined): Pool | undefined {
    if (id === undefined) return undefined
    const { budgets, jobsPerCluster } = this.#input
    return madeOnce(this.#clusters, id, () => {
      const budget = budgets?.clusters?.get(id) ?? budgets?.cluster ?? none
      return new Pool('cluster', id, { ...budget, slots: budget.slots ?? jobsPerCluster ?? 1 }, this.#now)
    })
  }

  /** Those a job stores in that have a budget. */
  destinations({ destination, further }: Pick<QueuedJob, 'destination' | 'further'>): readonly Pool[] {
    const first = this.destination(destination)
    if (further === undefined) return first === undefined ? nothing : [first]
    return [first, ...further.map(each => this.destination(each))].filter(each => each !== undefined)
  }

  /** Undefined where nothing limits it. */
  destination(name: string | undefined): Pool | undefined {
    if (name === undefined) return undefined
    const budget = this.#input.budgets?.destinations?.get(name) ?? this.#input.budgets?.destination
    if (budget === undefined) return undefined
    return madeOnce(this.#destinations, name, () => new Pool('destination', name, budget, this.#now))
  }

  nextClass(): void {
    for (const pool of this.#destinations.values()) pool.nextClass()
  }

  #storesOf({ host, bufferBytes, stagingBytes }: AgentCapacity): readonly Pool[] {
    if (bufferBytes === undefined && stagingBytes === undefined) return nothing
    const one = (kind: 'memory' | 'staging', bytes: number | undefined) =>
      bytes === undefined ? [] : [new Pool(kind, host, { bytesPerSecond: bytes }, this.#now)]
    return [...one('memory', bufferBytes), ...one('staging', stagingBytes)]
  }

  #site(name: string | undefined): Pool | undefined {
    if (name === undefined) return undefined
    const budget = this.#input.budgets?.sites?.get(name) ?? this.#input.budgets?.site
    if (budget === undefined) return undefined
    return madeOnce(this.#sites, name, () => new Pool('site', name, budget, this.#now))
  }
}

function madeOnce<K>(pools: Map<K, Pool>, key: K, make: () => Pool): Pool {
  const known = pools.get(key)
  if (known !== undefined) return known
  const fresh = make()
  pools.set(key, fresh)
  return fresh
}
