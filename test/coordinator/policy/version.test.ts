import { describe, expect, it } from 'vitest'
import { type Policy, policyVersion } from '../../../coordinator/policy/index.ts'
import { policyNamed } from './policy-maker.ts'

describe('the version of a policy', () => {
  const policy = policyNamed('p', { selector: { engines: ['postgres'], databases: ['a', 'b'] } })

  it('changes with each part of the promise', () => {
    const changes: Partial<Policy>[] = [
      { name: 'q' },
      { rpo: policy.rpo + 1 },
      { schedule: { kind: 'interval', every: 1 } },
      { destination: 'other' },
      { codec: 'none' },
      { codecLevel: 4 },
      { retry: { ...policy.retry, maxAttempts: 4 } },
      { selector: { ...policy.selector, databases: ['b', 'a'] } },
      { selector: {} },
    ]
    const versions = [{}, ...changes].map(change => policyVersion({ ...policy, ...change }))
    expect(new Set(versions).size).toBe(versions.length)
  })

  it('does not change with the order of keys, with absent parts written out, or with itself', () => {
    const turned = Object.fromEntries(Object.entries(policy).reverse()) as unknown as Policy
    expect(policyVersion(turned)).toBe(policyVersion(policy))
    expect(policyVersion({ ...policy, version: 'whatever' } as Policy)).toBe(policyVersion(policy))
    const withUndefined = {
      ...policy,
      selector: { ...policy.selector, exclude: undefined },
    } as unknown as Policy
    expect(policyVersion(withUndefined)).toBe(policyVersion(policy))
  })

  it('is the same in every release', () => {
    expect(policyVersion(policy)).toMatchInlineSnapshot(`"3c1f504baa5228be"`)
  })
})
