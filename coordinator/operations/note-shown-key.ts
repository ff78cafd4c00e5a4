import type { AgentId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { CertificateIdentity } from '../../shared/tls/index.ts'
import type { WriteTx } from '../store/port.ts'

/** How far back a key's last use may be out of date. */
const noted = 86_400_000

/** What became of the key of a certificate that an agent showed. */
export type ShownKey = 'known' | 'new' | 'of-another-agent'

/**
 * Keeps the key of the certificate an agent connects with. One of a PKI of somebody else's was certified by nobody here:
 * from its first sight on what it signs is judged as by the keys we certified (`check-signature.ts`), and no manifest of
 * its agent goes without a signature. A key that was seen with one agent is never another's.
 */
export async function noteShownKey(
  tx: WriteTx,
  agent: { readonly id: AgentId; readonly hostname: string },
  shown: CertificateIdentity,
  now: Millis,
): Promise<ShownKey> {
  const known = await tx.identities.key(shown.keyId)
  if (known !== undefined && known.agentId !== agent.id) return 'of-another-agent'
  if (known !== undefined) {
    const later = shown.notAfter > known.notAfter
    if (later || now - (known.lastSeenAt ?? 0) >= noted)
      await tx.identities.putKey({
        ...known,
        notAfter: Math.max(known.notAfter, shown.notAfter),
        lastSeenAt: now,
      })
    return 'known'
  }
  await tx.identities.putKey({
    keyId: shown.keyId,
    agentId: agent.id,
    hostname: agent.hostname,
    publicKey: shown.publicKey,
    notBefore: shown.notBefore,
    notAfter: shown.notAfter,
    certifiedAt: now,
    lastSeenAt: now,
    shown: true,
  })
  await tx.audit.append({
    at: now,
    class: 'history',
    actor: `agent:${agent.id}`,
    action: 'agent.key-shown',
    subject: agent.id,
    reason: '',
    detail: { hostname: agent.hostname, key_id: shown.keyId, not_after: shown.notAfter },
  })
  return 'new'
}
