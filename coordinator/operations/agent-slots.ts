import type { AgentId } from '../../shared/model/identifiers.ts'
import type { Term } from './term.ts'

/** Attempts an agent may be given at a time: what we allow each, and no more than it takes by its own word. */
export function agentSlots(id: AgentId, term: Pick<Term, 'live' | 'settings'>): number {
  const own = term.live.hostOf(id)?.claim.slots
  const { slotsPerAgent } = term.settings
  return own === undefined ? slotsPerAgent : Math.min(own, slotsPerAgent)
}
