import { createHash } from 'node:crypto'
import { AppError } from '../../shared/errors/index.ts'
import { judgeSignatures } from '../../shared/signing/index.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { BackupRecord, CertifiedKeyRecord } from '../store/records.ts'

/** Who signed a manifest, or a text that says why its signature does not do. */
export type SignatureCheck = { readonly signedBy?: string } | string

/**
 * Judges a manifest's signature at the moment it is recorded, and only then: revoking a lost host later takes nothing
 * from its good backups (architecture §11).
 *
 * An agent that was given a certificate, or connected with one of another PKI, signs, always. One that never did (plaintext
 * on loopback) cannot be held to it.
 *
 * @param keys all that were ever certified for the agent, or shown by it
 */
export function checkSignature(
  manifest: Uint8Array,
  keys: readonly CertifiedKeyRecord[],
  at: Millis,
): SignatureCheck {
  if (keys.length === 0) return {}
  const verdict = judgeSignatures(manifest, keyId => {
    const key = keys.find(each => each.keyId === keyId)
    return key && { keyId, publicKey: Buffer.from(key.publicKey, 'base64') }
  })
  if (verdict.kind === 'unsigned') return 'the manifest is not signed, and its agent has a certified key'
  if (verdict.kind === 'bad') return verdict.problem
  const key = keys.find(each => each.keyId === verdict.keyId)
  if (key?.revokedAt !== undefined && key.revokedAt <= at)
    return 'the manifest was first seen after the key that signed it was revoked'
  return { signedBy: verdict.keyId }
}

/**
 * Looks again before a backup is restored: the manifest the store holds must be the one it recorded, and signed as it
 * had to be then. Keys that came later, and revocations since, change nothing.
 *
 * @throws AppError `backup.untrusted`
 */
export function demandSigned(backup: BackupRecord, keys: readonly CertifiedKeyRecord[]): void {
  const sha256 = createHash('sha256').update(backup.manifest).digest('hex')
  const then = keys.filter(each => each.certifiedAt <= backup.recordedAt)
  const check =
    sha256 === backup.manifestSha256
      ? checkSignature(backup.manifest, then, backup.recordedAt)
      : 'the manifest has another digest than it was recorded with'
  if (typeof check === 'string')
    throw new AppError('backup.untrusted', { context: { backup_id: backup.id, problem: check } })
}
