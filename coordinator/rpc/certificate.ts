import { X509Certificate } from 'node:crypto'
import type { PeerCertificate } from 'node:tls'
import { AppError } from '../../shared/errors/index.ts'
import { type CertificateIdentity, identityOf } from '../../shared/tls/identity.ts'

/** What the transport tells of a caller: address and, over mTLS, the certificate that was verified. */
export interface Peer {
  getPeer(): string
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate }
}

/** Certificates read before, by fingerprint: an agent's calls show the same one for days. */
const known = new Map<string, CertificateIdentity>()
const mostKnown = 20_000

/**
 * Who the verified certificate of a call is for; undefined without one. grpc-js shows one that did not verify (other
 * CA, expired, not yet valid, not for clients) as none.
 *
 * @throws AppError `access.unauthenticated` when a certificate verified and names nobody of ours
 */
export function certificateOf(call: Peer): CertificateIdentity | undefined {
  const shown = call.getAuthContext().sslPeerCertificate
  if (shown === undefined) return undefined
  const before = known.get(shown.fingerprint256)
  if (before !== undefined) return before
  const identity = identityOf(new X509Certificate(shown.raw))
  if (identity === undefined)
    throw new AppError('access.unauthenticated', {
      message: 'the certificate names no agent and no operator',
      context: { expected: 'exactly one URI: holdfast://agent/agt_… or holdfast://operator/NAME' },
    })
  if (known.size >= mostKnown) known.clear()
  known.set(shown.fingerprint256, identity)
  return identity
}
