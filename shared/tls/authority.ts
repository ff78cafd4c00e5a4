import { type KeyObject, X509Certificate } from 'node:crypto'
import { AppError } from '../errors/index.ts'
import type { Millis } from '../time/index.ts'
import { type Subject, uriOf } from './identity.ts'
import { newPrivateKey, selfSigned, signLeaf, type Validity } from './x509.ts'

const day = 86_400_000

/** Life of what the authority signs. */
export const lives = {
  authority: 10 * 365 * day,
  server: 365 * day,
  agent: 30 * day,
  operator: 90 * day,
} as const

/**
 * Certificates hold from a little before they are made: a host whose clock is slow by less than this uses its own at
 * once.
 */
export const clockAllowance = 5 * 60_000

/** A certificate authority: its certificate, and the key that signs. */
export interface Authority {
  readonly certificate: X509Certificate
  readonly key: KeyObject
}

/** Makes an authority. */
export async function newAuthority(name: string, now: Millis): Promise<Authority> {
  const key = newPrivateKey()
  const der = await selfSigned(key, name, validity(now, lives.authority))
  return { certificate: new X509Certificate(der), key }
}

/** Opens an authority. @throws AppError `tls.unusable` when the key is not that of the certificate, or it may not sign */
export function openAuthority(certificate: X509Certificate, key: KeyObject): Authority {
  if (!certificate.ca || !certificate.checkPrivateKey(key))
    throw new AppError('tls.unusable', {
      context: { detail: 'the CA key is of none of the CA certificates' },
    })
  return { certificate, key }
}

/** Certifies the key of an agent or operator. Returns DER. */
export function certify(
  authority: Authority,
  publicKey: Uint8Array,
  subject: Subject,
  valid: Validity,
): Promise<Buffer> {
  return signLeaf(
    {
      publicKey,
      commonName: subject.kind === 'agent' ? subject.agentId : subject.name,
      uris: [uriOf(subject)],
      usage: 'client',
      ...valid,
    },
    issuer(authority),
  )
}

/** Certifies the key of a coordinator, for the names and addresses it is dialled by. Returns DER. */
export function certifyServer(
  authority: Authority,
  publicKey: Uint8Array,
  hosts: readonly string[],
  valid: Validity,
): Promise<Buffer> {
  return signLeaf(
    { publicKey, commonName: hosts[0] ?? 'holdfast', hosts, usage: 'server', ...valid },
    issuer(authority),
  )
}

/** From a little before `now` until `life` after it, in whole seconds as certificates tell time. */
export function validity(now: Millis, life: number): Validity {
  const second = Math.trunc(now / 1_000) * 1_000
  return { notBefore: second - clockAllowance, notAfter: second + life }
}

/** SHA-256 of a certificate, hex: what a join token pins. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase()
}

function issuer({ certificate, key }: Authority) {
  return { certificate: certificate.raw, key }
}
