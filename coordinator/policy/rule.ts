import { matches } from './pattern.ts'
import type { PolicySelector, PolicySubject } from './policy.ts'

/** What a rule says, by the key people write (`rpo`, `retry.attempts`); what it does not say is absent. */
export type SettingValues = Readonly<Record<string, unknown>>

/** From the weakest to the strongest: for the whole fleet, for what a selector matches, for one database. */
export const policyLayers = ['fleet', 'rule', 'database'] as const
export type PolicyLayer = (typeof policyLayers)[number]

/** Some settings, and for which databases they are. */
export interface PolicyRule {
  readonly layer: PolicyLayer
  /** Its name in the document; `fleet` for the fleet's, the database as it was named for a database's. */
  readonly name: string
  readonly selector: PolicySelector
  /** As people gave it, before what the selector makes of it; 0 when they did not. */
  readonly rank: number
  readonly settings: SettingValues
}

/** What a selector can ask of a subject, from the least to the most exact. */
const exactness = ['engines', 'datacenters', 'services', 'tags', 'clusters', 'databases'] as const

/** How exact a selector is: that of the most exact thing it asks; 0 when it asks nothing. */
export function exactnessOf(selector: PolicySelector): number {
  return exactness.findLastIndex(each => selector[each] !== undefined) + 1
}

/** Below 0 when `a` is weaker than `b`; 0 when neither is: then they must not disagree. */
export function compareRules(a: PolicyRule, b: PolicyRule): number {
  return (
    policyLayers.indexOf(a.layer) - policyLayers.indexOf(b.layer) ||
    a.rank - b.rank ||
    exactnessOf(a.selector) - exactnessOf(b.selector)
  )
}

/** What of a selector a whole cluster's databases have in common. */
export function selectsCluster(selector: PolicySelector, subject: PolicySubject): boolean {
  const { engines, services, datacenters, tags, clusters } = selector
  return (
    (engines === undefined || engines.includes(subject.engine)) &&
    (services === undefined || services.includes(subject.service)) &&
    (datacenters === undefined || datacenters.includes(subject.datacenter)) &&
    (tags === undefined || tags.some(tag => subject.tags?.includes(tag) === true)) &&
    (clusters === undefined || clusters.some(pattern => matches(pattern, subject.cluster ?? '')))
  )
}

/**
 * Whether a selector names the database. A cluster's globals have the empty name: only a pattern such as `*`, or no
 * `databases` at all, speaks for them.
 */
export function selectsName({ databases, exclude }: PolicySelector, name: string): boolean {
  return (
    (databases === undefined || databases.some(pattern => matches(pattern, name))) &&
    exclude?.some(pattern => matches(pattern, name)) !== true
  )
}
