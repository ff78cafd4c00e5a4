import type { AgentId } from '../../shared/model/identifiers.ts'
import { fnv1a32 } from '../jobs/fnv1a.ts'
import type { AgentRecord, InstanceRecord } from '../store/records.ts'
import { agentMeta, poolMeta } from './service-meta.ts'

/** Which agent answers for an instance. Anything but exactly one is a gap. */
export type Match =
  | {
      readonly kind: 'one'
      readonly agentId: AgentId
      readonly by: Rule[0]
    }
  | { readonly kind: 'none'; readonly detail: string }
  /** Service meta names one that never said hello. */
  | { readonly kind: 'unseen'; readonly detail: string }
  | { readonly kind: 'several'; readonly agentIds: readonly AgentId[]; readonly detail: string }

/** What an instance is matched by. */
export type MatchSubject = Pick<
  InstanceRecord,
  'discoveryKey' | 'nodeId' | 'nodeName' | 'nodeAddress' | 'address' | 'meta'
>

type Rule = readonly ['meta' | 'pool' | 'node-id' | 'node-name' | 'address', readonly AgentRecord[]]

/** Agents by what they are known by, so that a fleet of 10,000 is matched without comparing all with all. */
export class AgentDirectory {
  readonly #byName = new Map<string, AgentRecord[]>()
  readonly #byNodeId = new Map<string, AgentRecord[]>()
  readonly #byNodeName = new Map<string, AgentRecord[]>()
  readonly #byAddress = new Map<string, AgentRecord[]>()
  readonly #pool: AgentRecord[] = []

  /** @param agents everyone known; those gone for good count only where nobody else fits */
  constructor(agents: Iterable<AgentRecord>, isGone: (agent: AgentRecord) => boolean) {
    this.#isGone = isGone
    for (const agent of agents) {
      if (agent.pool) this.#pool.push(agent)
      add(this.#byName, agent.id, agent)
      add(this.#byName, agent.hostname, agent)
      // a keeper or pool agent often shares its host with a database it does not serve
      if (agent.pool || agent.keeper) continue
      add(this.#byNodeId, agent.nodeId, agent)
      for (const name of new Set([agent.nodeName, agent.hostname])) add(this.#byNodeName, name, agent)
      for (const address of new Set(agent.addresses))
        if (!isLoopbackAddress(address)) add(this.#byAddress, address, agent)
    }
  }

  readonly #isGone: (agent: AgentRecord) => boolean

  /**
   * The rule instance → agent (architecture §4): meta (an agent, or a pool), then Consul's node id, then the node's name, then an
   * address; the first rule that finds anyone decides. Loopback addresses are everybody's and match nobody.
   */
  match(instance: MatchSubject): Match {
    const named = instance.meta[agentMeta]
    if (named !== undefined && named !== '') {
      const match = this.#decide(['meta', this.#byName.get(named) ?? []])
      return match ?? { kind: 'unseen', detail: `meta names agent \`${named}\`, which never said hello` }
    }
    const pool = instance.meta[poolMeta]
    if (pool !== undefined && pool !== '') return this.#fromPool(instance.discoveryKey, pool)
    for (const rule of this.#rules(instance)) {
      const match = this.#decide(rule)
      if (match !== undefined) return match
    }
    const where = [instance.nodeName, instance.address].filter(each => each !== '').join(', ')
    return { kind: 'none', detail: `no agent runs on its host (${where})` }
  }

  /** Each instance of a pool has one of its agents, always the same while that is there; the others take over its share. */
  #fromPool(key: string, pool: string): Match {
    const names = pool.split(',').map(each => each.trim())
    const wanted =
      pool.trim() === 'any'
        ? this.#pool
        : this.#pool.filter(agent => names.includes(agent.id) || names.includes(agent.hostname))
    const present = wanted.filter(agent => !this.#isGone(agent))
    const [first] = (present.length === 0 ? wanted : present)
      .map(agent => ({ agent, draw: fnv1a32(`${key}\0${agent.id}`) }))
      .sort((a, b) => a.draw - b.draw || (a.agent.id < b.agent.id ? -1 : 1))
    return first === undefined
      ? { kind: 'none', detail: `meta asks for a pool agent (\`${pool}\`), and none of it is known` }
      : { kind: 'one', agentId: first.agent.id, by: 'pool' }
  }

  *#rules(instance: MatchSubject): Iterable<Rule> {
    yield ['node-id', this.#byNodeId.get(instance.nodeId) ?? []]
    yield ['node-name', this.#byNodeName.get(instance.nodeName) ?? []]
    const found = new Set<AgentRecord>()
    for (const address of [instance.address, instance.nodeAddress])
      for (const agent of this.#byAddress.get(address) ?? []) found.add(agent)
    yield ['address', [...found]]
  }

  #decide([by, agents]: Rule): Match | undefined {
    if (agents.length === 0) return undefined
    const present = agents.filter(agent => !this.#isGone(agent))
    const choice = present.length === 0 ? agents : present
    const [only] = choice
    if (only !== undefined && choice.length === 1) return { kind: 'one', agentId: only.id, by }
    const agentIds = choice.map(each => each.id).sort()
    const hosts = choice.map(each => `${each.hostname} ${each.id}`).sort()
    return {
      kind: 'several',
      agentIds,
      detail: `agents of equal claim by ${by}: ${hosts.slice(0, 4).join(', ')}`,
    }
  }
}

function add(index: Map<string, AgentRecord[]>, key: string, agent: AgentRecord): void {
  if (key === '') return
  const known = index.get(key)
  if (known === undefined) index.set(key, [agent])
  else if (!known.includes(agent)) known.push(agent)
}

function isLoopbackAddress(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.')
}
