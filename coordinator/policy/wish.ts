import { shortenings } from '../retention/index.ts'
import type { Policy, PolicyVerification } from './policy.ts'

/** What the policy a service's meta names came to. */
export interface WishVerdict {
  readonly policy: Policy | undefined
  /** Why the named policy is not in effect; absent when it is, or none was named. */
  readonly refused?: string
}

/**
 * The policy in effect where service meta names one (architecture §11): whoever may write to Consul may ask for more
 * protection, never for less. `chosen` by the rules, `named` by the meta; `name` is what the meta said.
 */
export function grantWish(chosen: Policy | undefined, named: Policy | undefined, name: string): WishVerdict {
  if (named === undefined) return { policy: chosen, refused: `there is no policy ${name}` }
  if (chosen === undefined) return { policy: named }
  const weaker = weaknesses(chosen, named)
  if (weaker.length === 0) return { policy: named }
  return { policy: chosen, refused: `policy ${name} would weaken ${chosen.name}: ${weaker.join(', ')}` }
}

/** What one policy promises less than another, in words; empty: at least as much in everything. */
export function weaknesses(than: Policy, of: Policy): readonly string[] {
  const places = (policy: Policy) => [policy.destination, ...(policy.copies?.destinations ?? [])]
  const missing = places(than).filter(each => !places(of).includes(each))
  return [
    ...(of.rpo > than.rpo ? ['a longer RPO'] : []),
    ...(of.schedule.every > than.schedule.every ? ['rarer backups'] : []),
    ...(missing.length > 0 ? [`nothing in ${missing.join(', ')}`] : []),
    ...((of.copies?.min ?? 1) < (than.copies?.min ?? 1) ? ['fewer copies for success'] : []),
    ...(than.encryption !== undefined && of.encryption === undefined ? ['no encryption'] : []),
    ...(than.encryption?.required === true && of.encryption?.required !== true
      ? ['plaintext where encryption is required']
      : []),
    ...(of.replica === 'require' && than.replica !== 'require' ? ['no backup without a replica'] : []),
    ...((of.importance ?? 1) < (than.importance ?? 1) ? ['less importance'] : []),
    ...shortenings(than.retention, of.retention).map(each => `shorter retention (${each})`),
    ...rarerProofs(than.verification, of.verification),
    ...(of.globalsPasswords === true && than.globalsPasswords !== true ? ['passwords in globals'] : []),
    // without one a backup may not be consistent, with another one programs run that nobody here asked for
    ...(sameHooks(than, of) ? [] : ['other hooks']),
  ]
}

/** What one policy proves less than another, in words. */
export function rarerProofs(
  than: PolicyVerification | undefined,
  of: PolicyVerification | undefined,
): readonly string[] {
  if (than === undefined) return []
  if (of === undefined) return ['no verification']
  return [
    ...(of.every > than.every ? ['rarer verification'] : []),
    ...(of.census === 'none' && than.census === 'rows' ? ['verification without a census'] : []),
  ]
}

function sameHooks(a: Policy, b: Policy): boolean {
  return JSON.stringify(a.hooks ?? {}) === JSON.stringify(b.hooks ?? {})
}

const raised = new WeakMap<Policy, Map<number, Policy>>()

/** A policy of at least this importance. Databases that ask for the same share one object. */
export function withImportance(policy: Policy, importance: number | undefined): Policy {
  if (importance === undefined || importance <= (policy.importance ?? 1)) return policy
  let variants = raised.get(policy)
  if (variants === undefined) {
    variants = new Map()
    raised.set(policy, variants)
  }
  let variant = variants.get(importance)
  if (variant === undefined) {
    variant = { ...policy, importance }
    variants.set(importance, variant)
  }
  return variant
}
