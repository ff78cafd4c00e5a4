import { isId } from '../../../shared/model/identifiers.ts'
import type {
  CreateJoinTokenRequest,
  CreateJoinTokenResponse,
  RevokeAgentRequest,
  RevokeAgentResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { resolveAgent } from './resolve.ts'

/** CreateJoinToken: the answer is the only time the token is seen. */
export function createJoinToken({ identities }: OperatorDeps) {
  return async (
    { host, ttlMs, requestId, reason }: CreateJoinTokenRequest,
    { principal }: CallContext,
  ): Promise<CreateJoinTokenResponse> => {
    const made = await identities.createJoinToken(principal, {
      requestId,
      reason,
      ...(host === '' ? {} : { host }),
      ...(ttlMs === 0 ? {} : { ttl: ttlMs }),
    })
    return { token: made.token, host, expiresAt: made.expiresAt }
  }
}

/** RevokeAgent, by id or hostname; by id also one that joined and never connected. */
export function revokeAgent({ store, identities }: OperatorDeps) {
  return async (request: RevokeAgentRequest, { principal }: CallContext): Promise<RevokeAgentResponse> => {
    const { agent, requestId, reason, approval } = request
    const keys = isId('agent', agent) ? await store.read.certifiedKeysOf(agent) : []
    const [known] = keys
    const { id, hostname } =
      known === undefined
        ? await resolveAgent(store.read, agent)
        : { id: known.agentId, hostname: known.hostname }
    const revoked = await identities.revokeAgent(principal, {
      ...{ agentId: id, hostname, requestId, reason, approval },
    })
    return { agentId: id, hostname, keys: revoked.keys }
  }
}
