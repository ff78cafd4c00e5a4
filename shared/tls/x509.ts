/// <reference path="./web-crypto.d.ts" />
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  webcrypto,
} from 'node:crypto'
import { isIP } from 'node:net'
import type * as X509 from '@peculiar/x509'
import { AppError } from '../errors/index.ts'
import type { Millis } from '../time/index.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
/** No request of ours is longer: a key, a name, a signature. */
const largestRequest = 4_096

/**
 * The library, loaded when something is first signed or a request read: with what it needs it is 230 modules, a quarter
 * of the start of every command, and few of them ever sign.
 */
async function library(): Promise<typeof X509> {
  // first: `@peculiar/x509` wants it loaded
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(webcrypto as unknown as Crypto)
  return x509
}

/** Time in which a certificate holds. */
export interface Validity {
  readonly notBefore: Millis
  readonly notAfter: Millis
}

/** What a leaf certificate says. */
export interface LeafContent extends Validity {
  /** SPKI, DER. */
  readonly publicKey: Uint8Array
  /** For people; who it is for stands in the alternative names. */
  readonly commonName: string
  readonly uris?: readonly string[]
  /** DNS names and addresses. */
  readonly hosts?: readonly string[]
  readonly usage: 'server' | 'client'
}

/** A new P-256 private key. It never leaves the host that made it. */
export function newPrivateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: algorithm.namedCurve }).privateKey
}

/** A private key as PEM (PKCS #8). */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** A certificate as PEM. */
export function certificatePem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

/** Makes a self-signed certificate that may sign leaves and nothing below itself. Returns DER. */
export async function selfSigned(key: KeyObject, name: string, { notBefore, notAfter }: Validity) {
  const x509 = await library()
  const keys = await keyPair(key)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ CN: [name] }],
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return Buffer.from(certificate.rawData)
}

/** Signs a leaf. Returns DER. */
export async function signLeaf(
  content: LeafContent,
  issuer: { readonly certificate: Uint8Array; readonly key: KeyObject },
): Promise<Buffer> {
  const x509 = await library()
  const authority = new x509.X509Certificate(Uint8Array.from(issuer.certificate))
  const names: X509.JsonGeneralNames = [
    ...(content.uris ?? []).map(value => ({ type: 'url', value }) as const),
    ...(content.hosts ?? []).map(value => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const),
  ]
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [{ CN: [content.commonName] }],
    issuer: authority.subjectName,
    notBefore: new Date(content.notBefore),
    notAfter: new Date(content.notAfter),
    publicKey: Uint8Array.from(content.publicKey).buffer,
    signingKey: await signingKey(issuer.key),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        content.usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  })
  return Buffer.from(certificate.rawData)
}

/** A request for a certificate: the key, signed by itself. What else it would say is the authority's to decide. */
export async function certificateRequest(key: KeyObject): Promise<Buffer> {
  const x509 = await library()
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: ['holdfast'] }],
    keys: await keyPair(key),
    signingAlgorithm: algorithm,
  })
  return Buffer.from(request.rawData)
}

/**
 * The public key (SPKI, DER) of a request that proves it has the private one.
 *
 * @throws AppError `enrol.bad-request`
 */
export async function keyOfRequest(der: Uint8Array): Promise<Buffer> {
  const bad = (detail: string, cause?: unknown) =>
    new AppError('enrol.bad-request', { context: { detail }, cause })
  if (der.byteLength === 0 || der.byteLength > largestRequest) throw bad('its size')
  const x509 = await library()
  let request: X509.Pkcs10CertificateRequest
  let proven: boolean
  try {
    request = new x509.Pkcs10CertificateRequest(Uint8Array.from(der))
    proven = await request.verify()
  } catch (thrown) {
    throw bad('it is no PKCS #10 request', thrown)
  }
  const { name, namedCurve } = request.publicKey.algorithm as { name: string; namedCurve?: string }
  if (name !== 'ECDSA' || namedCurve !== 'P-256') throw bad('only P-256 keys are certified')
  if (!proven) throw bad('its signature is not by its key')
  return Buffer.from(request.publicKey.rawData)
}

async function keyPair(key: KeyObject): Promise<CryptoKeyPair> {
  const spki = publicKeyOf(key)
  const publicKey = await webcrypto.subtle.importKey('spki', Uint8Array.from(spki), algorithm, true, [
    'verify',
  ])
  return { privateKey: await signingKey(key), publicKey } as unknown as CryptoKeyPair
}

/** The public half of a private key: SPKI, DER. */
export function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' })
}

async function signingKey(key: KeyObject): Promise<CryptoKey> {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  return (await webcrypto.subtle.importKey('pkcs8', Uint8Array.from(pkcs8), algorithm, false, [
    'sign',
  ])) as unknown as CryptoKey
}

/** 127 random bits: positive, and no two alike. */
function serial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

/** Reads a private key of PEM text. @throws AppError `tls.unusable` */
export function readPrivateKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new AppError('tls.unusable', { context: { path, detail: 'no private key in PEM' }, cause })
  }
}
