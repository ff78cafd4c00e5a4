import { expect, test } from 'vitest'
import { ProofLint, WeakerProofs } from '../../../coordinator/operations/proof-lint.ts'
import { type Policy, rarerProofs } from '../../../coordinator/policy/index.ts'
import type { DatabaseStateRecord } from '../../../coordinator/store/records.ts'

const day = 86_400_000
const weekly = { every: 7 * day, timeout: day / 4, census: 'rows' } as const
const policy = (verification?: Policy['verification']) =>
  ({ name: 'p', ...(verification === undefined ? {} : { verification }) }) as Policy

test('proving less is less, and service meta never gets it; proving more is not', () => {
  expect(rarerProofs(weekly, undefined)).toEqual(['no verification'])
  expect(rarerProofs(weekly, { ...weekly, every: 8 * day, census: 'none' })).toEqual([
    'rarer verification',
    'verification without a census',
  ])
  expect(rarerProofs(weekly, { ...weekly, every: day })).toEqual([])
  expect(rarerProofs(undefined, undefined)).toEqual([])
})

test('only what has backups loses a proof', () => {
  const weaker = new WeakerProofs()
  const state = (backups: number) => ({ backups }) as DatabaseStateRecord
  weaker.look('a/b', policy(weekly), policy(), state(3))
  weaker.look('a/c', policy(weekly), policy(), state(0))
  weaker.look('a/d', policy(weekly), policy(weekly), state(3))
  expect(weaker.count).toBe(1)
  expect(weaker.findings()).toMatchObject([
    { code: 'verification-weakened', text: expect.stringContaining('a/b: no verification') },
  ])
})

test('proofs that nobody can make, or not in time, are told before they are promised', () => {
  const live = { verifiers: () => [{ verifyServers: [{ engine: 'postgres', version: '15.18' }] }] }
  const lint = new ProofLint({ live } as never)
  for (let n = 0; n < 30; n++) lint.look(policy({ ...weekly, every: day }), 'postgres', undefined, day / 48)
  lint.look(policy(weekly), 'mariadb', undefined, 1)
  lint.look(policy(), 'mysql', undefined, 1)
  expect(lint.findings().map(({ code, text }) => [code, text])).toEqual([
    ['verification-too-often', expect.stringContaining('take about 1d 6h')],
    ['no-verifier', expect.stringContaining('no agent has a mariadb server')],
  ])
})
