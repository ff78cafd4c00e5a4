import type {
  CreateJoinTokenRequest,
  CreateJoinTokenResponse,
  RevokeAgentRequest,
  RevokeAgentResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { resolveIdentity } from './resolve.ts'

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

/** RevokeAgent, by whatever name is known: its id, the hostname it tells, or the one it joined with, connected ever or not. */
export function revokeAgent({ store, identities }: OperatorDeps) {
  return async (request: RevokeAgentRequest, { principal }: CallContext): Promise<RevokeAgentResponse> => {
    const { agent, requestId, reason, approval } = request
    const { id, hostname } = await resolveIdentity(store.read, agent)
    const revoked = await identities.revokeAgent(principal, {
      ...{ agentId: id, hostname, requestId, reason, approval },
    })
    return { agentId: id, hostname, keys: revoked.keys }
  }
}
