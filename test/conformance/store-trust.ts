import { describe, expect, test } from 'vitest'
import { newId } from '../../shared/clock/index.ts'
import type { MakeStore } from './store-under-test.ts'

export function storeTrustSuite(make: MakeStore): void {
  describe('tokens', () => {
    test('an expired or revoked one is not live, and stays listed', async () => {
      await using under = await make()
      const store = await under.open()
      const token = (createdAt: number, expiresAt: number) => ({
        ...{ id: newId('token'), name: 'alice', role: 'viewer' as const, hash: `h${createdAt}` },
        ...{ reason: '', by: 'me', createdAt, expiresAt },
      })
      const [early, late, taken] = [token(1, 50), token(2, 90), token(3, 90)]
      const revoked = { ...taken, revokedAt: 20, revokedBy: 'bob', selector: { service: ['a*'] } }
      await store.write('x', async tx => {
        for (const each of [early, late, taken]) await tx.tokens.put(each)
        await tx.tokens.put(revoked)
      })
      expect(await store.write('x', tx => tx.tokens.get(taken.id))).toEqual(revoked)
      expect(await store.write('x', tx => tx.tokens.get(newId('token')))).toBeUndefined()
      expect(await store.read.liveTokens(49)).toEqual([early, late])
      expect(await store.read.liveTokens(50)).toEqual([late])
      const first = await store.read.tokens({ size: 2 })
      expect(first.items).toEqual([revoked, late])
      expect((await store.read.tokens({ size: 2, after: first.next ?? '' })).items).toEqual([early])
    })
  })

  describe('approvals', () => {
    test('those that wait come oldest first; a state finds its own', async () => {
      await using under = await make()
      const store = await under.open()
      const approval = (askedAt: number) => ({
        ...{ id: newId('approval'), act: 'restore', summary: 's', question: '{}', reason: '' },
        ...{ askedBy: 'alice', askedAt, expiresAt: 100, state: 'pending' as const },
      })
      const [a, b] = [approval(1), approval(2)]
      const granted = { ...a, state: 'granted' as const, decidedBy: 'bob', decidedAt: 9, decision: 'yes' }
      await store.write('x', async tx => {
        await tx.approvals.put(b)
        await tx.approvals.put(a)
      })
      expect(await store.write('x', tx => tx.approvals.pending())).toEqual([a, b])
      await store.write('x', tx => tx.approvals.put(granted))
      expect(await store.write('x', tx => tx.approvals.get(a.id))).toEqual(granted)
      expect(await store.write('x', tx => tx.approvals.pending())).toEqual([b])
      expect((await store.read.approvals({ size: 9 }, {})).items).toEqual([b, granted])
      expect((await store.read.approvals({ size: 9 }, { state: 'granted' })).items).toEqual([granted])
    })
  })
}
