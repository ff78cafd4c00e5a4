import { expect, test } from 'vitest'
import { CertificateStanding } from '../../../coordinator/identity/standing.ts'
import { newId, systemClock } from '../../../shared/clock/index.ts'

const now = 1_800_000_000_000
const clock = { ...systemClock, now: () => ({ wall: now, mono: 0 }) }
const keyId = 'aa'.repeat(32)

test('a revocation stands, also when a list that was read before it comes after it', () => {
  const standing = new CertificateStanding(clock, {})
  const agentId = newId('agent')
  const shown = {
    kind: 'agent',
    agentId,
    keyId,
    publicKey: '',
    notBefore: now - 1,
    notAfter: now + 1,
  } as const
  expect(standing.refuses(shown)).toBeUndefined()
  standing.addRevoked([agentId])
  standing.addRevoked([])
  expect(standing.refuses(shown)?.code).toBe('access.revoked')
})

test('a certificate counts until its end, by the clock of the coordinator', () => {
  const standing = new CertificateStanding(clock, { ann: 'viewer' })
  const shown = { kind: 'operator', name: 'ann', keyId, publicKey: '', notBefore: 0 } as const
  expect(standing.refuses({ ...shown, notAfter: now + 1 })).toBeUndefined()
  expect(standing.refuses({ ...shown, notAfter: now })?.code).toBe('access.revoked')
  expect([standing.roleOf('ann'), standing.roleOf('bob')]).toEqual(['viewer', undefined])
})
