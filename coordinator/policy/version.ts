import { fnv1a64 } from '../jobs/fnv1a.ts'
import type { Policy } from './policy.ts'

/**
 * The version of a promise: 16 hex digits that change with any part of it and not with the order in which
 * keys were written. Names content, proves nothing: manifests and jobs carry it so that people can compare.
 */
export function policyVersion(policy: Omit<Policy, 'version'>): string {
  const { version: _, ...content } = policy as Policy
  return fnv1a64(canonical(content))
}

/** JSON with sorted keys; absent and undefined are the same. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}
