import { X509Certificate } from 'node:crypto'
import { AppError } from '../../shared/errors/index.ts'
import {
  certify,
  identityOf,
  issuerOf,
  keyIdOf,
  keyOfRequest,
  lives,
  provesKey,
  validity,
} from '../../shared/tls/index.ts'
import { type Term, write } from '../operations/term.ts'
import { type Enrolled, recordKey } from './enrol.ts'
import type { Issuer } from './issuer.ts'

/** How long after its end a certificate's key may still renew it: a long outage must lock nobody out. */
const grace = 30 * 86_400_000
/** Keys of one agent that may be in date at a time: a renewal each ten days needs four, a flood of them ends here. */
const mostKeys = 20
const largestCertificate = 8_192

/** What an agent sends to go on. */
export interface RenewRequest {
  readonly certificate: Uint8Array
  readonly request: Uint8Array
  readonly proof: Uint8Array
}

/**
 * Certifies the next key of an agent, for whoever proves the one before: judged by what is sent, since an expired
 * certificate does not show in the handshake.
 *
 * @throws AppError `enrol.not-renewable`, `enrol.bad-request`, `access.revoked`, `enrol.no-authority`
 */
export async function renew(
  { certificate, request, proof }: RenewRequest,
  issuer: Issuer,
  term: Term,
): Promise<Omit<Enrolled, 'agentId'>> {
  const old = read(certificate)
  const identity = identityOf(old)
  const now = term.clock.now().wall
  if (issuerOf(old, issuer.trusted) === undefined || identity?.kind !== 'agent')
    throw no('of no agent of ours')
  if (!provesKey(old, request, proof)) throw no('its key was not proven')
  if (identity.notAfter + grace <= now) throw no('it ended too long ago')
  const { agentId } = identity
  const publicKey = await keyOfRequest(request)
  const keyId = keyIdOf(publicKey)
  const authority = await issuer.authority()
  const valid = validity(now, lives.agent)
  const next = await certify(authority, publicKey, { kind: 'agent', agentId }, valid)
  await write(term, 'renew', async tx => {
    const revocation = await tx.identities.revocation(agentId)
    if (revocation !== undefined)
      throw new AppError('access.revoked', {
        message: 'this agent was revoked',
        context: { agent_id: agentId },
      })
    const known = await tx.identities.key(identity.keyId)
    if (known?.agentId !== agentId || known.shown === true) throw no('its key was never certified here')
    const inDate = (await tx.identities.keysOf(agentId)).filter(each => each.notAfter > now)
    if (inDate.length >= mostKeys && !inDate.some(each => each.keyId === keyId))
      throw no('it was renewed too often')
    await recordKey(tx, { keyId, agentId, hostname: known.hostname, publicKey, valid, now })
    await tx.audit.append({
      at: now,
      class: 'history',
      actor: `agent:${agentId}`,
      action: 'agent.renewed',
      subject: agentId,
      reason: '',
      detail: {
        hostname: known.hostname,
        key_id: keyId,
        old_key_id: identity.keyId,
        not_after: valid.notAfter,
      },
    })
  })
  return { certificate: next, authorities: issuer.trusted.map(each => each.raw) }
}

function read(der: Uint8Array): X509Certificate {
  if (der.byteLength > largestCertificate) throw no('its size')
  try {
    return new X509Certificate(der)
  } catch {
    throw no('it is no certificate')
  }
}

function no(detail: string): AppError {
  return new AppError('enrol.not-renewable', { context: { detail } })
}
