import { AppError } from '../../shared/errors/index.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'
import { actorText } from '../operations/apply-job-event.ts'
import { onceApproved } from '../operations/approve.ts'
import { actorOf, type Principal } from '../operations/principal.ts'
import { afterCommit, type Term } from '../operations/term.ts'

/** Which agent is to be refused. */
export interface RevokeRequest {
  readonly agentId: AgentId
  readonly hostname: string
  readonly requestId: string
  readonly reason: string
  /** A granted approval, where revoking takes a second person. */
  readonly approval?: string
}

/**
 * Refuses an agent for good, by its id: every certificate it has or will show. Its keys stay known with when they were
 * revoked, so that what they signed before stays good. A host that comes back joins as a new agent.
 */
export async function revokeAgent(
  principal: Principal,
  { agentId, hostname, requestId, reason, approval }: RevokeRequest,
  onRevoked: (agentId: AgentId) => void,
  term: Term,
): Promise<{ readonly keys: number }> {
  if (principal.scope.kind !== 'fleet')
    throw new AppError('access.denied', { message: 'this touches the whole fleet, your scope does not' })
  const request = { requestId, reason, ...(approval === undefined ? {} : { approval }) }
  return onceApproved(term, principal, 'revoke-agent', request, { agentId }, async (tx, approved) => {
    const at = term.clock.now().wall
    const by = actorText(actorOf(principal))
    const keys = await tx.identities.keysOf(agentId)
    if ((await tx.identities.revocation(agentId)) === undefined) {
      await approved('revoke-agent', `revoke the agent on ${hostname} (${agentId})`)
      await tx.identities.putRevocation({ agentId, at, by, reason })
      for (const key of keys)
        if (key.revokedAt === undefined) await tx.identities.putKey({ ...key, revokedAt: at })
      await tx.audit.append({
        at,
        class: 'history',
        actor: by,
        action: 'agent.revoked',
        subject: agentId,
        reason,
        detail: { hostname, keys: keys.length },
      })
    }
    afterCommit(term, tx, () => onRevoked(agentId))
    return { keys: keys.length }
  })
}
