import type { Principal } from '../operations/principal.ts'
import type { Term } from '../operations/term.ts'
import type { Store } from '../store/port.ts'
import { type Enrolled, type EnrolRequest, enrol } from './enrol.ts'
import { type Issued, type IssueRequest, issueOperator } from './issue-operator.ts'
import type { Issuer } from './issuer.ts'
import { createJoinToken, type TokenRequest } from './join-tokens.ts'
import { type RenewRequest, renew } from './renew.ts'
import { type RevokeRequest, revokeAgent } from './revoke-agent.ts'

/** The verbs of identities; all need a leader. */
export interface Identities {
  createJoinToken(
    principal: Principal,
    request: TokenRequest,
  ): Promise<{ readonly token: string; readonly expiresAt: number }>
  revokeAgent(principal: Principal, request: RevokeRequest): Promise<{ readonly keys: number }>
  issueOperator(principal: Principal, request: IssueRequest): Promise<Issued>
  enrol(request: EnrolRequest): Promise<Enrolled>
  renew(request: RenewRequest): Promise<Omit<Enrolled, 'agentId'>>
}

/** What they stand on. */
export interface IdentityDeps {
  readonly issuer: Issuer
  readonly store: Store
  /** The term this process leads in. @throws AppError `leader.none` */
  readonly led: () => Term
  /** Told after a revocation was committed. */
  readonly onRevoked: (agentId: Enrolled['agentId']) => void
}

/** Makes the verbs. */
export function createIdentities(deps: IdentityDeps): Identities {
  return {
    createJoinToken: async (principal, request) =>
      createJoinToken(principal, request, deps.issuer.pinned(), deps.led()),
    revokeAgent: async (principal, request) => revokeAgent(principal, request, deps.onRevoked, deps.led()),
    issueOperator: async (principal, request) => issueOperator(principal, request, deps.issuer, deps.led()),
    enrol: async request => enrol(request, deps.issuer, deps.led()),
    renew: async request => renew(request, deps.issuer, deps.led()),
  }
}
