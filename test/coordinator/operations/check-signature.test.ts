import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkSignature } from '../../../coordinator/operations/check-signature.ts'
import type { CertifiedKeyRecord } from '../../../coordinator/store/records.ts'
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
