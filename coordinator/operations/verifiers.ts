import type { AgentId, ClusterId } from '../../shared/model/identifiers.ts'
import { attemptOf, type VerifyOrder } from '../jobs/job.ts'
import { fitOf } from '../verification/index.ts'
import { agentSlots } from './agent-slots.ts'
import type { Candidates } from './candidates.ts'
import type { Term } from './term.ts'

type Wanted = Pick<VerifyOrder, 'engine' | 'serverVersion'>

/**
 * Which verifiers come first, lower first: a server of the backup's own line, then hosts that do not serve its
 * cluster, then the pool.
 */
export function verifierRanks(
  { engine, serverVersion }: Wanted,
  clusterId: ClusterId | undefined,
  agents: readonly AgentId[],
  term: Pick<Term, 'live' | 'fleet'>,
): ReadonlyMap<AgentId, number> {
  const serving = new Set(
    clusterId === undefined ? [] : term.fleet.instancesOf(clusterId).map(each => each.agentId),
  )
  return new Map(
    agents.map(id => {
      const record = term.live.record(id)
      const fit = fitOf(record?.verifyServers ?? [], engine, serverVersion) ?? 1
      return [id, 4 * fit + (serving.has(id) ? 2 : 0) + (record?.pool === true ? 0 : 1)]
    }),
  )
}

/**
 * Who is free to verify, at one look: one verification at a time on each agent, and on a host that serves databases
 * only while another slot stays free for its backups.
 */
export class FreeVerifiers {
  readonly #term: Term
  readonly #used = new Map<AgentId, number>()
  readonly #verifying = new Set<AgentId>()

  constructor(term: Term) {
    this.#term = term
    for (const { kind, state } of term.jobs.all()) {
      const attempt = state.kind === 'queued' ? undefined : attemptOf(state)
      if (attempt === undefined) continue
      this.#used.set(attempt.agentId, (this.#used.get(attempt.agentId) ?? 0) + 1)
      if (kind === 'verify') this.#verifying.add(attempt.agentId)
    }
  }

  /**
   * The best free one, which is then no longer free; all of them when none is there, so that the planner says why.
   *
   * @param unfit who said that they cannot: asked again only where nobody else is there
   */
  take(
    agents: readonly AgentId[],
    ranks: ReadonlyMap<AgentId, number>,
    unfit: ReadonlySet<AgentId>,
  ): Candidates {
    const { live } = this.#term
    const now = this.#term.clock.now()
    const there = agents.filter(
      id => live.isConnected(id) && !live.isSilent(id, now) && live.view(id, now)?.draining !== true,
    )
    if (there.length === 0) return { kind: 'some', agents }
    const fit = there.filter(id => !unfit.has(id))
    const present = fit.length === 0 ? there : fit
    const rank = (id: AgentId) => ranks.get(id) ?? 1
    const [best] = present
      .filter(id => !this.#verifying.has(id) && this.#hasRoom(id))
      .sort((a, b) => rank(a) - rank(b) || this.#load(a) - this.#load(b) || (a < b ? -1 : 1))
    if (best === undefined)
      return {
        kind: 'none',
        code: 'verifier-busy',
        text: `all ${present.length} that could do it verify another backup, or have no slot beside those of their own databases`,
      }
    this.#verifying.add(best)
    return { kind: 'some', agents: [best] }
  }

  #load(id: AgentId): number {
    return this.#used.get(id) ?? 0
  }

  #hasRoom(id: AgentId): boolean {
    const slots = agentSlots(id, this.#term)
    const serves = this.#term.fleet.instancesOfAgent(id).some(each => each.goneSince === undefined)
    return slots - this.#load(id) >= (serves && slots > 1 ? 2 : 1)
  }
}
