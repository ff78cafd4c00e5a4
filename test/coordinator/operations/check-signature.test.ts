import { createHash, generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkSignature, demandSigned } from '../../../coordinator/operations/check-signature.ts'
import type { BackupRecord, CertifiedKeyRecord } from '../../../coordinator/store/records.ts'
import { signManifest } from '../../../shared/signing/index.ts'
import { keyIdOf } from '../../../shared/tls/identity.ts'

const agentId = 'agt_01hzzzzzzzzzzzzzzzzzzzzzzz' as CertifiedKeyRecord['agentId']
const newKey = (over: Partial<CertifiedKeyRecord> = {}) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const record: CertifiedKeyRecord = {
    ...{ keyId: keyIdOf(spki), agentId, hostname: 'db-1', publicKey: spki.toString('base64') },
    ...{ notBefore: 0, notAfter: 1_000, certifiedAt: 0 },
    ...over,
  }
  return { privateKey, record }
}
const content = { backup_id: 'b', stored_bytes: '40' }
const bytes = (manifest: object) => Buffer.from(JSON.stringify(manifest))

describe('the signature of a manifest that is to be recorded', () => {
  const mine = newKey()
  const signed = bytes({ ...content, signatures: [signManifest(content, mine.privateKey)] })

  it('is demanded of an agent that has a certified key, and must be by one of its own', () => {
    expect(checkSignature(bytes({ ...content, signatures: [] }), [mine.record], 1)).toContain('not signed')
    const stranger = bytes({ ...content, signatures: [signManifest(content, newKey().privateKey)] })
    expect(checkSignature(stranger, [mine.record], 1)).toContain('not certified for its agent')
    const changed = bytes({
      ...content,
      stored_bytes: '41',
      signatures: JSON.parse(String(signed)).signatures,
    })
    expect(checkSignature(changed, [mine.record], 1)).toContain('not what its signature was made over')
  })

  it('is judged now: by a key that was revoked before the manifest was first seen, it does not do', () => {
    const revoked = { ...mine.record, revokedAt: 500 }
    expect(checkSignature(signed, [revoked], 500)).toContain('revoked')
    expect(checkSignature(signed, [revoked], 499)).toEqual({ signedBy: mine.record.keyId })
  })

  it('is not asked of one that was never certified', () => {
    expect(checkSignature(bytes(content), [], 1)).toEqual({})
  })

  it('is good by any key its agent was given, also an earlier one', () => {
    expect(checkSignature(signed, [newKey().record, mine.record], 2_000)).toEqual({
      signedBy: mine.record.keyId,
    })
  })
})

describe('before a restore', () => {
  const mine = newKey({ certifiedAt: 100 })
  const signed = bytes({ ...content, signatures: [signManifest(content, mine.privateKey)] })
  const sha = (manifest: Uint8Array) => createHash('sha256').update(manifest).digest('hex')
  const backup = (manifest: Uint8Array, recordedAt: number, manifestSha256 = sha(manifest)) =>
    ({ id: 'b', manifest, manifestSha256, recordedAt }) as unknown as BackupRecord
  const untrusted = (problem: string) =>
    expect.objectContaining({
      code: 'backup.untrusted',
      context: expect.objectContaining({ problem: expect.stringContaining(problem) }),
    })

  it('a manifest that was changed in the store is not trusted, its digest changed with it or not', () => {
    const swapped = bytes({ ...content, backup_id: 'c', signatures: JSON.parse(String(signed)).signatures })
    expect(() => demandSigned(backup(swapped, 200, sha(signed)), [mine.record])).toThrow(untrusted('digest'))
    expect(() => demandSigned(backup(swapped, 200), [mine.record])).toThrow(untrusted('not what'))
    expect(() => demandSigned(backup(bytes(content), 200), [mine.record])).toThrow(untrusted('not signed'))
  })

  it('revoking the host since, or certifying it only since, takes nothing from a good backup', () => {
    expect(() => demandSigned(backup(signed, 200), [{ ...mine.record, revokedAt: 300 }])).not.toThrow()
    expect(() => demandSigned(backup(bytes(content), 99), [mine.record])).not.toThrow()
  })
})
