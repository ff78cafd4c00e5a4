import type { Metadata } from '@grpc/grpc-js'
import type { Principal } from '../operations/principal.ts'

/** By what a caller is told: where it calls from, and what the call carries. */
export interface CallerFacts {
  getPeer(): string
  readonly metadata: Metadata
}

/** What the transport tells of a call. */
export interface PeerCall extends CallerFacts {
  getPath(): string
}

/** Establishes who calls. @throws AppError `access.unauthenticated` */
export type CallerOf = (path: string, call: CallerFacts) => Principal

/** Paths that agents call; everything else is for operators. */
export const agentPaths = '/holdfast.v1.AgentLinkService/'

const localAdmin: Principal = {
  kind: 'operator',
  name: 'local-admin',
  roles: ['viewer', 'operator', 'restorer', 'admin'],
  scope: { kind: 'fleet' },
}

const localAgent: Principal = {
  kind: 'agent',
  name: 'loopback',
  roles: ['agent'],
  scope: { kind: 'fleet' },
}

/**
 * Callers of a plaintext listener, which is on loopback only: whoever may open a port of this machine is its
 * admin, and an agent is who its Hello says. With mTLS the certificate decides both.
 */
export const loopbackCaller: CallerOf = path => (path.startsWith(agentPaths) ? localAgent : localAdmin)
