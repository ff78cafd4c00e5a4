import { describe, expect, test } from 'vitest'
import { newId } from '../../../shared/clock/index.ts'
import { keyIdOf, type Subject, uriOf } from '../../../shared/tls/identity.ts'
import { identityOf, newAuthority, newPrivateKey, publicKeyOf } from '../../../shared/tls/index.ts'
import { signLeaf } from '../../../shared/tls/x509.ts'
import { certificateOf, inDate } from '../../harness/pki.ts'

const authority = await newAuthority('CA', Date.now())
const key = newPrivateKey()
const agent = `holdfast://agent/${newId('agent')}`

async function naming(uris: readonly string[], hosts: readonly string[] = []) {
  const der = await signLeaf(
    { publicKey: publicKeyOf(key), commonName: 'agt_x', uris, hosts, usage: 'client', ...inDate() },
    { certificate: authority.certificate.raw, key: authority.key },
  )
  return identityOf(certificateOf(der))
}

describe('whom a certificate is for', () => {
  test.each([
    { kind: 'agent', agentId: newId('agent') },
    { kind: 'operator', name: 'ann.b-c@example' },
  ] satisfies Subject[])('the one URI of our form: %j', async subject => {
    expect(await naming([uriOf(subject)])).toMatchObject({ ...subject, keyId: keyIdOf(publicKeyOf(key)) })
  })

  test.each([
    ['none', []],
    ['two', [agent, 'holdfast://operator/admin']],
    ['the same twice', [agent, agent]],
    ['another scheme', ['https://agent/x']],
    ['no agent id', ['holdfast://agent/agt_1']],
    ['an agent id with more', [`${agent}/x`]],
    ['an agent id in capitals', [agent.toUpperCase()]],
    ['an operator without a name', ['holdfast://operator/']],
    ['a name that climbs', ['holdfast://operator/../admin']],
    ['a name in capitals', ['holdfast://operator/Admin']],
    ['two in the text of one', [`${agent}, URI:holdfast://operator/admin`]],
    ['a foreign one that quotes ours', [`x", URI:${agent}`]],
  ])('%s is nobody', async (_what, uris) => {
    expect(await naming(uris)).toBeUndefined()
  })

  test('a DNS name that spells a URI is none', async () => {
    expect(await naming([], [`x, URI:${agent}`])).toBeUndefined()
  })
})
