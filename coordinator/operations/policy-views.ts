import { LoopShare } from '../../shared/clock/index.ts'
import { importanceMeta } from '../fleet/service-meta.ts'
import { type EffectivePolicy, type PolicyRule, withPace } from '../policy/index.ts'
import type { Finding } from '../policy/lint/index.ts'
import type { DatabaseRecord } from '../store/records.ts'
import type { InForce, PolicyProblem } from './policies-in-force.ts'
import { RefusedWishes, refusedWish } from './refused-wishes.ts'
import { reviewPolicies } from './review-policies.ts'
import { policySubjectOf, takes, wishOf } from './subject.ts'
import type { Term } from './term.ts'

/** What is in force, as people look at it. */
export interface PoliciesView {
  readonly inForce: InForce
  readonly problem?: PolicyProblem
  readonly findings: readonly Finding[]
  /** Databases each rule speaks of, globals among them. */
  readonly databases: ReadonlyMap<PolicyRule, number>
}

/** The policies in force with the databases each rule speaks of, and what a look at them finds. */
export async function viewPolicies(term: Term): Promise<PoliciesView> {
  const { now, problem } = term.policies
  const databases = new Map<PolicyRule, number>()
  const wishes = new RefusedWishes()
  const share = new LoopShare()
  for (const { record } of term.fleet.databases()) {
    if (share.spent) await share.renew()
    const subject = record.goneSince === undefined ? policySubjectOf(record, term.fleet) : undefined
    if (subject === undefined) continue
    const refused = refusedWish(record, term)
    if (refused !== undefined) wishes.add(record, refused)
    for (const rule of now.book.of(subject).rules) databases.set(rule, (databases.get(rule) ?? 0) + 1)
  }
  const { findings } = await reviewPolicies(now, term)
  return {
    inForce: now,
    ...(problem === undefined ? {} : { problem }),
    findings: [...findings, ...wishes.findings(term)],
    databases,
  }
}

/** What holds for a database, with its own interval where that comes from promise and size. */
export function effectivePolicyOf(database: DatabaseRecord, term: Term): EffectivePolicy {
  const { effective, policy } = wishOf(database, term)
  if (effective === undefined) return { rules: [], settings: [], disagreements: [] }
  return policy === undefined
    ? effective
    : {
        ...effective,
        settings: raisedByMeta(effective, policy.importance),
        policy: withPace(policy, () => takes(database, term.fleet)),
      }
}

/** The settings with the importance that service meta raised, if it did. */
function raisedByMeta(
  { settings, policy }: EffectivePolicy,
  importance: number | undefined,
): EffectivePolicy['settings'] {
  if (importance === undefined || importance === policy?.importance) return settings
  const raised = { key: 'importance', value: importance, meta: importanceMeta }
  return [...settings.filter(each => each.key !== 'importance'), raised]
}
