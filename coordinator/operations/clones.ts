import type { AgentId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { type CloneTrace, isCloneOver } from '../alerts/rules/clone-over.ts'
import { tellFact } from './tell-fact.ts'
import { type Term, write } from './term.ts'

/** A refused host dials again after this many heartbeats. */
export const cloneRetryHeartbeats = 6
/** Times a refused host could have come back before it counts as gone. */
const chances = 10

/**
 * Second hosts that were refused, by the monotonic clock of this term. Those whose alert an earlier term opened
 * count as seen when the term began.
 */
export class Clones {
  readonly #traces = new Map<AgentId, CloneTrace>()

  refused(id: AgentId, mono: Millis): void {
    this.#traces.set(id, { refusedAt: mono })
  }

  /** The agent was let in: a host with its identity, and the only one at that moment. */
  admitted(id: AgentId, mono: Millis): void {
    const trace = this.#traces.get(id)
    if (trace !== undefined) this.#traces.set(id, { ...trace, admittedAt: mono })
  }

  /** Agents whose clone is over by now. */
  over(quiet: Duration, mono: Millis): readonly AgentId[] {
    return [...this.#traces].filter(([, trace]) => isCloneOver(trace, quiet, mono)).map(([id]) => id)
  }

  forget(id: AgentId): void {
    this.#traces.delete(id)
  }
}

/** Resolves the alerts of clones that are over. */
export async function tellClonesOver(term: Term): Promise<void> {
  const { clones } = term.live
  const { mono, wall } = term.clock.now()
  const quiet = chances * cloneRetryHeartbeats * term.settings.times.heartbeat
  for (const agentId of clones.over(quiet, mono)) {
    const hostname = term.live.record(agentId)?.hostname ?? agentId
    await write(term, 'agent-clone-over', tx =>
      tellFact(tx, { kind: 'agent-clone-over', agentId, hostname }, wall, term),
    )
    clones.forget(agentId)
  }
}
