import { certify, keyIdOf, keyOfRequest, validity } from '../../shared/tls/index.ts'
import type { Principal } from '../operations/principal.ts'
import type { Term } from '../operations/term.ts'
import { hashOfKey } from '../operations/token-book.ts'
import { createCredential, type TokenRequest } from '../operations/token-verbs.ts'
import type { TokenRecord } from '../store/records.ts'
import type { Issuer } from './issuer.ts'

/** Whom a certificate is to be for, and the request their machine made. */
export interface IssueRequest extends TokenRequest {
  /** PKCS #10, DER. */
  readonly certificateRequest: Uint8Array
}

/** A certificate, and what is written down of it. */
export interface Issued {
  readonly token: TokenRecord
  readonly certificate: Buffer
  readonly authorities: readonly Buffer[]
}

/**
 * Certifies the key of an operator, with a role and a scope of its own: it is listed, ends and is revoked like a token, and
 * admins of it take a second person like theirs. Only what the key proves of itself is taken from the request.
 *
 * @throws AppError `enrol.no-authority`, `enrol.bad-request`, `request.invalid`, `conflict`, `approval.*`
 */
export async function issueOperator(
  principal: Principal,
  { certificateRequest, ...request }: IssueRequest,
  issuer: Issuer,
  term: Term,
): Promise<Issued> {
  const authority = await issuer.authority()
  const publicKey = await keyOfRequest(certificateRequest)
  const keyId = keyIdOf(publicKey)
  const token = await createCredential(principal, request, { hash: hashOfKey(keyId), keyId }, term)
  const valid = validity(token.createdAt, token.expiresAt - token.createdAt)
  const certificate = await certify(
    authority,
    publicKey,
    { kind: 'operator', name: token.name },
    { ...valid, notAfter: Math.min(valid.notAfter, authority.certificate.validToDate.getTime()) },
  )
  return { token, certificate, authorities: issuer.trusted.map(each => each.raw) }
}
