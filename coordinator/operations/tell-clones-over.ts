import { cloneRetryHeartbeats } from './clones.ts'
import { tellFact } from './tell-fact.ts'
import { type Term, write } from './term.ts'

/** Times a refused host could have come back before it counts as gone. */
const chances = 10

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
