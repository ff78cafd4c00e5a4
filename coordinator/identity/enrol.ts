import { AppError } from '../../shared/errors/index.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'
import {
  certify,
  keyIdOf,
  keyOfRequest,
  lives,
  parseJoinToken,
  type Validity,
  validity,
} from '../../shared/tls/index.ts'
import { type Term, write } from '../operations/term.ts'
import type { WriteTx } from '../store/port.ts'
import type { CertifiedKeyRecord, JoinTokenRecord } from '../store/records.ts'
import type { Issuer } from './issuer.ts'

const longestHostname = 253

/** What a host that joins sends. */
export interface EnrolRequest {
  readonly joinToken: string
  readonly request: Uint8Array
  readonly hostname: string
}

/** What it gets. */
export interface Enrolled {
  readonly agentId: AgentId
  readonly certificate: Buffer
  /** Every CA that it is to believe. */
  readonly authorities: readonly Buffer[]
}

/**
 * Trades a join token for a certificate, once. The key that used a token may ask again while the token lasts, since its
 * answer may have been lost; any other finds it used. The agent's id is ours to choose: a token buys no other agent's.
 *
 * @throws AppError `enrol.bad-token`, `enrol.bad-request`, `enrol.no-authority`
 */
export async function enrol(
  { joinToken, request, hostname }: EnrolRequest,
  issuer: Issuer,
  term: Term,
): Promise<Enrolled> {
  const token = parseJoinToken(joinToken)
  if (token === undefined) throw badToken('form')
  if (hostname === '' || hostname.length > longestHostname)
    throw new AppError('enrol.bad-request', { context: { detail: 'the hostname' } })
  const publicKey = await keyOfRequest(request)
  const keyId = keyIdOf(publicKey)
  const now = term.clock.now().wall
  const seen = judge(await term.store.read.joinToken(token.hash), { keyId, hostname, now })
  const authority = await issuer.authority()
  const agentId = seen.used?.agentId ?? term.newId('agent')
  const valid = validity(now, lives.agent)
  const certificate = await certify(authority, publicKey, { kind: 'agent', agentId }, valid)
  await write(term, 'enrol', async tx => {
    // again, and now it is decided: two hosts may have come this far with one token
    const standing = judge(await tx.identities.joinToken(token.hash), { keyId, hostname, now })
    if (standing.used !== undefined && standing.used.agentId !== agentId) throw badToken('used')
    await tx.identities.putJoinToken({ ...standing, used: standing.used ?? { at: now, agentId, keyId } })
    await recordKey(tx, { keyId, agentId, hostname, publicKey, valid, now })
    await tx.audit.append({
      at: now,
      class: 'history',
      actor: standing.by,
      action: 'agent.enrolled',
      subject: agentId,
      reason: '',
      detail: { hostname, key_id: keyId, not_after: valid.notAfter },
    })
  })
  return { agentId, certificate, authorities: issuer.trusted.map(each => each.raw) }
}

function judge(
  token: JoinTokenRecord | undefined,
  by: { readonly keyId: string; readonly hostname: string; readonly now: number },
): JoinTokenRecord {
  if (token === undefined) throw badToken('unknown')
  if (token.expiresAt <= by.now) throw badToken('expired')
  if (token.host !== undefined && token.host !== by.hostname) throw badToken('of another host')
  if (token.used !== undefined && token.used.keyId !== by.keyId) throw badToken('used')
  return token
}

/** Keeps a certified key; one that is known gets its longer time. @throws AppError `enrol.bad-request` for another's key */
export async function recordKey(
  tx: WriteTx,
  key: {
    readonly keyId: string
    readonly agentId: AgentId
    readonly hostname: string
    readonly publicKey: Buffer
    readonly valid: Validity
    readonly now: number
  },
): Promise<void> {
  const { keyId, agentId, hostname, publicKey, valid, now } = key
  const known = await tx.identities.key(keyId)
  if (known !== undefined && known.agentId !== agentId)
    throw new AppError('enrol.bad-request', { context: { detail: 'the key is of another agent' } })
  const record: CertifiedKeyRecord = {
    keyId,
    agentId,
    hostname,
    publicKey: publicKey.toString('base64'),
    notBefore: known?.notBefore ?? valid.notBefore,
    notAfter: Math.max(known?.notAfter ?? 0, valid.notAfter),
    certifiedAt: known?.certifiedAt ?? now,
    ...(known?.lastSeenAt === undefined ? {} : { lastSeenAt: known.lastSeenAt }),
  }
  await tx.identities.putKey(record)
}

/** The reason is for the audit: the caller learns that the token is not valid, not why. */
function badToken(detail: string): AppError {
  return new AppError('enrol.bad-token', { cause: detail })
}
