import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import canonicalize from 'canonicalize'
import { AppError } from '../errors/index.ts'
import { keyIdOf } from '../tls/identity.ts'

/** A signature as it stands in a manifest. */
export interface ManifestSignature {
  /** SHA-256 of the public key (SPKI, DER), hex. */
  readonly key_id: string
  readonly algorithm: string
  /** Base64. */
  readonly value: string
}

/** A public key and what it was certified for. */
export interface SigningKey {
  readonly keyId: string
  /** SPKI, DER. */
  readonly publicKey: Uint8Array
}

/** What the signatures of a manifest are worth. */
export type SignatureVerdict =
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'good'; readonly keyId: string }
  /** Signed by nobody we know, or not what was signed. */
  | { readonly kind: 'bad'; readonly problem: string }

const algorithms: Readonly<Record<string, { readonly algorithm: string; readonly hash: string | null }>> = {
  ec: { algorithm: 'ecdsa-sha256', hash: 'sha256' },
  // of a PKI of somebody else's
  rsa: { algorithm: 'rsa-sha256', hash: 'sha256' },
  ed25519: { algorithm: 'ed25519', hash: null },
}

/**
 * What is signed: the manifest without its signatures as RFC 8785 JSON, behind a prefix of its own, so that no
 * signature over something else (a renewal, a handshake) is ever one over a manifest.
 */
function signedBytes(manifest: Readonly<Record<string, unknown>>): Buffer {
  const { signatures: _, ...content } = manifest
  const text = canonicalize(content)
  if (text === undefined) throw new AppError('internal', { message: 'the manifest has no canonical form' })
  return Buffer.from(`holdfast manifest v1\n${text}`, 'utf8')
}

/**
 * Signs a manifest. Its own `signatures` are not looked at.
 *
 * @param key P-256, Ed25519 or RSA, private
 */
export function signManifest(manifest: Readonly<Record<string, unknown>>, key: KeyObject): ManifestSignature {
  const { algorithm, hash } = algorithmOf(key)
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return {
    key_id: keyIdOf(publicKey),
    algorithm,
    value: sign(hash, signedBytes(manifest), key).toString('base64'),
  }
}

/**
 * Judges the signatures of a manifest as it was stored: every field of it counts, also those this version knows
 * nothing of. One good signature is enough; a bad one is never outvoted.
 *
 * @param bytes JSON
 * @param keyOf the key with that id, if it is one whose word counts for this manifest
 */
export function judgeSignatures(
  bytes: Uint8Array,
  keyOf: (keyId: string) => SigningKey | undefined,
): SignatureVerdict {
  const manifest = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Record<
    string,
    unknown
  >
  const signatures = Array.isArray(manifest.signatures) ? (manifest.signatures as unknown[]) : []
  let keyId: string | undefined
  for (const each of signatures) {
    const problem = problemOf(manifest, each, keyOf)
    if (problem !== undefined) return { kind: 'bad', problem }
    keyId ??= (each as ManifestSignature).key_id
  }
  return keyId === undefined ? { kind: 'unsigned' } : { kind: 'good', keyId }
}

function problemOf(
  manifest: Readonly<Record<string, unknown>>,
  signature: unknown,
  keyOf: (keyId: string) => SigningKey | undefined,
): string | undefined {
  const { key_id, algorithm, value } = (signature ?? {}) as Partial<Record<keyof ManifestSignature, unknown>>
  if (typeof key_id !== 'string' || typeof algorithm !== 'string' || typeof value !== 'string')
    return 'a signature of the manifest is malformed'
  const known = keyOf(key_id)
  if (known === undefined) return 'the manifest is signed by a key that is not certified for its agent'
  const key = createPublicKey({ key: Buffer.from(known.publicKey), format: 'der', type: 'spki' })
  const expected = algorithmOf(key)
  if (algorithm !== expected.algorithm) return `a signature by such a key is ${expected.algorithm}`
  return verify(expected.hash, signedBytes(manifest), key, Buffer.from(value, 'base64'))
    ? undefined
    : 'the manifest is not what its signature was made over'
}

function algorithmOf(key: KeyObject) {
  const found = algorithms[key.asymmetricKeyType ?? '']
  if (found === undefined)
    throw new AppError('internal', {
      message: 'manifests are signed by P-256, Ed25519 or RSA keys',
      context: { type: key.asymmetricKeyType ?? 'secret' },
    })
  return found
}
