import { createHash, X509Certificate } from 'node:crypto'
import { open } from 'node:fs/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import { readSecretFile } from '../config/secret-file.ts'
import { AppError } from '../errors/index.ts'
import { keyIdOf } from './identity.ts'
import { readPrivateKey } from './x509.ts'

/** Only on our own listeners and links: S3, SMTP and Consul may end at 1.2 (never `tls.DEFAULT_MIN_VERSION`). */
export const minVersion = 'TLSv1.3'
/** More than this is no certificate but a mistaken path. */
const largestFile = 256 * 1024

/** Where certificates and keys lie. */
export interface TlsFiles {
  /** PEM, one or several: all are trusted (two while a CA is being replaced). */
  readonly caFile: string
  /** PEM, own certificate first, then intermediates. */
  readonly certificateFile?: string
  /** PEM, readable by its owner only. */
  readonly keyFile?: string
}

/** What a side of a connection shows and trusts, checked to belong together. */
export interface Material {
  readonly ca: readonly X509Certificate[]
  /** Own certificate and what others need to judge it; empty when it shows none. */
  readonly chain: readonly X509Certificate[]
  readonly key?: string
  /** Changes when any of it does. */
  readonly print: string
}

/**
 * Reads the files whole. A certificate beside the key of another is refused, which is also how a half-done replacement
 * looks.
 *
 * @throws AppError `tls.unusable`, `secret.*`
 */
export async function loadMaterial(files: TlsFiles): Promise<Material> {
  const { caFile, certificateFile, keyFile } = files
  const ca = await readCertificates(caFile)
  if (certificateFile === undefined || keyFile === undefined) return material(ca, [], undefined)
  const own = await readCertificates(certificateFile)
  const pem = await readSecretFile(keyFile)
  if (own[0]?.checkPrivateKey(readPrivateKey(pem, keyFile)) !== true)
    throw new AppError('tls.unusable', {
      message: 'the certificate and the key do not belong together',
      context: { certificate: certificateFile, key: keyFile },
    })
  return material(ca, own, `${pem}\n`)
}

/** Material from parts. The issuer is added to the chain: a host that joins knows its fingerprint and nothing else. */
export function material(
  ca: readonly X509Certificate[],
  own: readonly X509Certificate[],
  key: string | undefined,
): Material {
  const last = own.at(-1)
  const anchor = last === undefined ? undefined : issuerOf(last, ca)
  const complete = anchor === undefined || own.some(each => each.raw.equals(anchor.raw))
  const chain = complete ? own : [...own, anchor]
  const hash = createHash('sha256')
  for (const each of [...ca, ...chain]) hash.update(each.raw)
  // the key of a certificate is known by the certificate
  return { ca, chain, ...(key === undefined ? {} : { key }), print: hash.digest('hex') }
}

/** The one of `ca` that signed a certificate. */
export function issuerOf(
  certificate: X509Certificate,
  ca: readonly X509Certificate[],
): X509Certificate | undefined {
  return ca.find(each => certificate.checkIssued(each) && certificate.verify(each.publicKey))
}

/** Material as Node's TLS takes it; TLS 1.3 and nothing older. */
export function contextOptions({ ca, chain, key }: Material) {
  return {
    ca: pem(ca),
    ...(key === undefined ? {} : { cert: pem(chain), key }),
    minVersion,
  } as const
}

/** A context for clients. */
export function secureContext(from: Material): SecureContext {
  return createSecureContext(contextOptions(from))
}

/** The hash of the public key a side shows, hex; undefined when it shows none. */
export function shownKeyId({ chain }: Material): string | undefined {
  return chain[0] && keyIdOf(chain[0].publicKey.export({ type: 'spki', format: 'der' }))
}

/** Every certificate of a PEM file, in its order. @throws AppError `tls.unusable` */
export async function readCertificates(path: string): Promise<readonly X509Certificate[]> {
  let text: string
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    if (size > largestFile) throw new AppError('tls.unusable', { context: { path, detail: 'too large' } })
    text = await file.readFile('utf8')
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown
    const detail = (thrown as NodeJS.ErrnoException).code ?? 'unknown'
    throw new AppError('tls.unusable', { context: { path, detail }, cause: thrown })
  }
  return parseCertificates(text, path)
}

/** Every certificate of PEM text. @throws AppError `tls.unusable` when there is none, or one is broken */
export function parseCertificates(text: string, path: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0)
    throw new AppError('tls.unusable', { context: { path, detail: 'no certificate in PEM' } })
  try {
    return blocks.map(block => new X509Certificate(block))
  } catch (cause) {
    throw new AppError('tls.unusable', { context: { path, detail: 'a certificate cannot be read' }, cause })
  }
}

function pem(certificates: readonly X509Certificate[]): string {
  return certificates.map(each => each.toString()).join('')
}
