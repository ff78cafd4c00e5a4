import type { AgentId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { type CloneTrace, isCloneOver } from '../alerts/rules/clone-over.ts'

/** A refused host dials again after this many heartbeats. */
export const cloneRetryHeartbeats = 6

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
