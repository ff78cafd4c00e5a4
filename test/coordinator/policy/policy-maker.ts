import type { Policy } from '../../../coordinator/policy/policy.ts'

/** A policy for everything: daily, RPO 26 h. */
export function policyNamed(name: string, change: Partial<Policy> = {}): Policy {
  return {
    name,
    version: '0',
    selector: {},
    schedule: { kind: 'interval', every: 86_400_000 },
    rpo: 93_600_000,
    destination: 'main',
    codec: 'zstd',
    codecLevel: 3,
    retry: { maxAttempts: 3, baseDelay: 60_000, maxDelay: 900_000 },
    ...change,
  }
}
