import type { AgentId, ClusterId, TokenId } from '../../shared/model/identifiers.ts'
import { operatorRoles } from '../../shared/model/role.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { CertificateIdentity } from '../../shared/tls/identity.ts'
import type { Actor } from '../jobs/job.ts'
import type { Labels } from '../store/records.ts'

/**
 * Roles (architecture §11). those of operators; `agent` stands apart, and so does `newcomer`:
 * whoever shows no certificate, and may ask for one or for the health of the process.
 */
export const roles = [...operatorRoles, 'agent', 'newcomer'] as const
export type Role = (typeof roles)[number]

/** What a principal may see and touch. Enrolment brings narrower ones; handlers take it from the first day. */
export type AccessScope =
  | { readonly kind: 'fleet' }
  | {
      readonly kind: 'clusters'
      /** Asked anew each time: what a selector covers changes with the fleet. */
      readonly clusterIds: { has(id: ClusterId): boolean }
      /** What it was made of, for those who ask who they are. */
      readonly selector?: Labels
    }

/** Who calls, as established by the transport. Parameter of every handler. */
export interface Principal {
  readonly kind: 'operator' | 'agent'
  /** For audit: `local-admin` on loopback, a token's or certificate's name. Who has the same name is the same person. */
  readonly name: string
  readonly roles: readonly Role[]
  readonly scope: AccessScope
  /** The only agent this caller may speak for; absent on loopback, where the Hello says it. */
  readonly agentId?: AgentId
  /** What it showed, where a certificate says who it is: live streams end with it. */
  readonly certificate?: CertificateIdentity
  /** Anybody who can open a port of this machine: a name that says nothing of who it is. */
  readonly anonymous?: true
  /** What the call showed; absent: nothing, which is enough on loopback. */
  readonly shown?: {
    readonly kind: 'token' | 'certificate'
    readonly id: TokenId
    readonly expiresAt: Millis
  }
}

/** Whether a scope covers a cluster; things outside any cluster belong to the whole fleet only. */
export function covers(scope: AccessScope, clusterId: ClusterId | undefined): boolean {
  return scope.kind === 'fleet' || (clusterId !== undefined && scope.clusterIds.has(clusterId))
}

/** The principal as audit and jobs name it. */
export function actorOf(principal: Principal): Actor {
  return { kind: principal.kind, name: principal.name }
}
