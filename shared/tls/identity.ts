import { createHash, type X509Certificate } from 'node:crypto'
import { type AgentId, isId } from '../model/identifiers.ts'
import type { Millis } from '../time/index.ts'

/** Whom a certificate is for, by the one URI among its alternative names. */
export type Subject =
  | { readonly kind: 'agent'; readonly agentId: AgentId }
  | { readonly kind: 'operator'; readonly name: string }

/** A certificate of ours: whom it is for, its key, and when it ends. */
export type CertificateIdentity = Subject & {
  /** SHA-256 of the public key (SPKI, DER), hex: names the key, whatever certificate it is in. */
  readonly keyId: string
  /** SPKI, DER, base64. */
  readonly publicKey: string
  readonly notBefore: Millis
  readonly notAfter: Millis
}

/** Operators' names: what fits a URI, a file name and a line of audit as it is. */
const operatorName = /^[a-z0-9][a-z0-9._@-]{0,63}$/
const agentPrefix = 'holdfast://agent/'
const operatorPrefix = 'holdfast://operator/'

/** Whether `name` can be an operator's: lower case, 64 characters at most. */
export function isOperatorName(name: string): boolean {
  return operatorName.test(name)
}

/** The URI that stands for a subject in its certificate. */
export function uriOf(subject: Subject): string {
  return subject.kind === 'agent' ? agentPrefix + subject.agentId : operatorPrefix + subject.name
}

/**
 * Reads a certificate; undefined unless its alternative names hold exactly one URI, and that one is of our form. What
 * stands beside it (DNS names, addresses) says nothing about who it is for.
 */
export function identityOf(certificate: X509Certificate): CertificateIdentity | undefined {
  const uris = urisOf(certificate.subjectAltName ?? '')
  const subject = uris.length === 1 ? subjectOf(uris[0] ?? '') : undefined
  if (subject === undefined) return undefined
  const publicKey = certificate.publicKey.export({ type: 'spki', format: 'der' })
  return {
    ...subject,
    keyId: keyIdOf(publicKey),
    publicKey: publicKey.toString('base64'),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  }
}

/** The DNS names and addresses a certificate is for, in its order. */
export function hostsOf(certificate: X509Certificate): readonly string[] {
  return namesOf(certificate.subjectAltName ?? '').flatMap(name =>
    name.startsWith('DNS:')
      ? [name.slice('DNS:'.length)]
      : name.startsWith('IP Address:')
        ? [name.slice('IP Address:'.length)]
        : [],
  )
}

/** Names a public key by the hash of its SPKI. */
export function keyIdOf(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex')
}

function subjectOf(uri: string): Subject | undefined {
  const agentId = uri.startsWith(agentPrefix) ? uri.slice(agentPrefix.length) : ''
  if (isId('agent', agentId)) return { kind: 'agent', agentId }
  const name = uri.startsWith(operatorPrefix) ? uri.slice(operatorPrefix.length) : ''
  return isOperatorName(name) ? { kind: 'operator', name } : undefined
}

/**
 * The URIs of OpenSSL's text (`DNS:a, URI:b, URI:"a, URI:c"`). A name with a comma or quote is printed as a JSON
 * string, so that none can pass itself off as two.
 */
function urisOf(text: string): readonly string[] {
  return namesOf(text)
    .filter(name => name.startsWith('URI:'))
    .map(name => name.slice('URI:'.length))
}

function namesOf(text: string): readonly string[] {
  const names = text.match(/[A-Za-z ]+:("(?:[^"\\]|\\.)*"|[^,]*)/g) ?? []
  return names.map(name => name.trim())
}
