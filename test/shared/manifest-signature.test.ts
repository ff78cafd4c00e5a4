import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { judgeSignatures, type SigningKey, signManifest } from '../../shared/signing/index.ts'
import { keyIdOf } from '../../shared/tls/identity.ts'

const keyOf = (key: KeyObject): SigningKey => {
  const publicKey = key.export({ type: 'spki', format: 'der' })
  return { keyId: keyIdOf(publicKey), publicKey }
}
const bytesOf = (manifest: object) => Buffer.from(JSON.stringify(manifest, undefined, 2))

describe.each([
  ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ecdsa-sha256'],
  ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 }), 'rsa-sha256'],
  ['Ed25519', () => generateKeyPairSync('ed25519'), 'ed25519'],
] as const)('the signature of a manifest, by %s', (_, make, algorithm) => {
  const { privateKey, publicKey } = make()
  const mine = keyOf(publicKey)
  const known = (keyId: string) => (keyId === mine.keyId ? mine : undefined)
  const content = {
    backup_id: 'b',
    streams: [{ name: 'ä', size: 1.5e21 }],
    unknown_to_us: { later: [null, true] },
  }
  const signature = signManifest(content, privateKey)
  const judged = (manifest: object) => judgeSignatures(bytesOf(manifest), known)

  it('is told from none at all', () => {
    expect(judged(content)).toEqual({ kind: 'unsigned' })
    expect(judged({ ...content, signatures: [] })).toEqual({ kind: 'unsigned' })
  })

  it('is bad when anything of the manifest changed, also what we know nothing of', () => {
    const signatures = [signature]
    for (const changed of [
      { ...content, backup_id: 'c' },
      { ...content, more: 1 },
      { ...content, unknown_to_us: { later: [null, false] } },
    ])
      expect(judged({ ...changed, signatures })).toEqual({
        kind: 'bad',
        problem: 'the manifest is not what its signature was made over',
      })
  })

  it('is bad by a key nobody certified, by another algorithm, or malformed', () => {
    const other = signManifest(content, make().privateKey)
    expect(judged({ ...content, signatures: [other] })).toMatchObject({
      kind: 'bad',
      problem: expect.stringContaining('not certified'),
    })
    expect(judged({ ...content, signatures: [{ ...other, key_id: mine.keyId }] })).toMatchObject({
      kind: 'bad',
    })
    expect(judged({ ...content, signatures: [{ ...signature, algorithm: 'none' }] })).toMatchObject({
      kind: 'bad',
      problem: expect.stringContaining(algorithm),
    })
    for (const malformed of [null, {}, 'x', { ...signature, value: 7 }, { ...signature, value: '' }])
      expect(judged({ ...content, signatures: [malformed] })).toMatchObject({ kind: 'bad' })
    // a good one beside a bad one does not make it good
    expect(judged({ ...content, signatures: [signature, other] })).toMatchObject({ kind: 'bad' })
  })

  it('is good over the same content, however it is laid out', () => {
    const { streams, ...rest } = content
    expect(signature.algorithm).toBe(algorithm)
    for (const manifest of [
      { ...content, signatures: [signature] },
      { signatures: [signature], streams, ...rest },
    ])
      expect(judged(manifest)).toEqual({ kind: 'good', keyId: mine.keyId })
  })
})
