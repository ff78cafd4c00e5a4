import type { Metadata } from '@grpc/grpc-js'
import { AppError } from '../../shared/errors/index.ts'
import type { CertificateIdentity } from '../../shared/tls/identity.ts'
import type { Principal, Role } from '../operations/principal.ts'
import { certificateOf, type Peer } from './certificate.ts'

/** By what a caller is told: where it calls from, its certificate, and what the call carries. */
export interface CallerFacts extends Peer {
  readonly metadata: Metadata
}

/** What the transport tells of a call. */
export interface PeerCall extends CallerFacts {
  getPath(): string
}

/** Establishes who calls. @throws AppError `access.unauthenticated`, `access.revoked` */
export type CallerOf = (path: string, call: CallerFacts) => Principal

/** Paths that agents call; everything else is for operators. */
export const agentPaths = '/holdfast.v1.AgentLinkService/'
/** Paths that need no certificate: to get one, and to ask whether the process serves. */
export const openPaths = ['/holdfast.v1.EnrolmentService/', '/grpc.health.v1.Health/']

const localAdmin: Principal = {
  kind: 'operator',
  name: 'local-admin',
  roles: ['viewer', 'operator', 'restorer', 'admin'],
  scope: { kind: 'fleet' },
  anonymous: true,
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
export const loopbackCaller: CallerOf = path => {
  if (path.startsWith('/holdfast.v1.EnrolmentService/')) return newcomer
  return path.startsWith(agentPaths) ? localAgent : localAdmin
}

const newcomer: Principal = {
  kind: 'agent',
  name: 'newcomer',
  roles: ['newcomer'],
  scope: { kind: 'fleet' },
}

/** What a certificate's holder is judged by, at every call. */
export interface Standing {
  /** Why a certificate that verified counts no more (revoked, over), or undefined when it does. */
  refuses(identity: CertificateIdentity): AppError | undefined
  /** The role of an operator by the name in its certificate; undefined when nobody gave it one. */
  roleOf(operator: string): Role | undefined
}

/**
 * Callers of the mTLS listener: an agent is who its certificate says and speaks for itself only; an operator has the
 * role that its name was given. Judged at every call, so that revoking and expiring need no new connection.
 */
export function certificateCaller(
  standing: Standing,
  issuedTo: (certificate: CertificateIdentity) => Principal | undefined = () => undefined,
): CallerOf {
  return (path, call) => {
    if (openPaths.some(each => path.startsWith(each))) return newcomer
    const certificate = certificateOf(call)
    if (certificate === undefined)
      throw new AppError('access.unauthenticated', {
        message: 'no valid client certificate was shown: none, expired, not yet valid, or of another CA',
      })
    const no = standing.refuses(certificate)
    if (no !== undefined) throw no
    if (certificate.kind === 'agent')
      return {
        kind: 'agent',
        name: certificate.agentId,
        roles: ['agent'],
        scope: { kind: 'fleet' },
        agentId: certificate.agentId,
        certificate,
      }
    // issued here, with a role and a scope of its own: what configuration says of the name is of others
    const issued = issuedTo(certificate)
    if (issued !== undefined) return { ...issued, certificate }
    const role = standing.roleOf(certificate.name)
    if (role === undefined)
      throw new AppError('access.unauthenticated', {
        message: `the certificate is of \`${certificate.name}\`, who has no role here`,
        hint: 'Give the name a role under `operators` of the coordinator.',
      })
    return { kind: 'operator', name: certificate.name, roles: [role], scope: { kind: 'fleet' }, certificate }
  }
}
