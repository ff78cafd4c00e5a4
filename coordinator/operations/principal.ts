import type { AgentId, ClusterId } from '../../shared/model/identifiers.ts'
import type { CertificateIdentity } from '../../shared/tls/identity.ts'
import type { Actor } from '../jobs/job.ts'

/**
 * Roles (architecture §11). Each operator role includes the ones before it; `agent` stands apart, and so does `newcomer`:
 * whoever shows no certificate, and may ask for one or for the health of the process.
 */
export const roles = ['viewer', 'operator', 'restorer', 'admin', 'agent', 'newcomer'] as const
export type Role = (typeof roles)[number]

/** What a principal may see and touch. Enrolment brings narrower ones; handlers take it from the first day. */
export type AccessScope =
  | { readonly kind: 'fleet' }
  | { readonly kind: 'clusters'; readonly clusterIds: ReadonlySet<ClusterId> }

/** Who calls, as established by the transport. Parameter of every handler. */
export interface Principal {
  readonly kind: 'operator' | 'agent'
  /** For audit: `local-admin` on loopback, later a certificate's or token's name. */
  readonly name: string
  readonly roles: readonly Role[]
  readonly scope: AccessScope
  /** The only agent this caller may speak for; absent on loopback, where the Hello says it. */
  readonly agentId?: AgentId
  /** What it showed, where a certificate says who it is: live streams end with it. */
  readonly certificate?: CertificateIdentity
}

/** Whether a scope covers a cluster; things outside any cluster belong to the whole fleet only. */
export function covers(scope: AccessScope, clusterId: ClusterId | undefined): boolean {
  return scope.kind === 'fleet' || (clusterId !== undefined && scope.clusterIds.has(clusterId))
}

/** The principal as audit and jobs name it. */
export function actorOf(principal: Principal): Actor {
  return { kind: principal.kind, name: principal.name }
}
