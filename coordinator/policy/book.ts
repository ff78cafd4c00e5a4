import type { Duration } from '../../shared/time/index.ts'
import { type Disagreement, type Merged, mergeRules } from './merge.ts'
import type { Policy, PolicySelector, PolicySubject } from './policy.ts'
import { compareRules, type PolicyRule, type SettingValues, selectsCluster, selectsName } from './rule.ts'

/** How a cluster's globals are named among its databases. */
const globals = '(globals)'
/** Clusters and combinations of rules that are remembered; a fleet has fewer. */
const mostRemembered = 50_000

/** One setting of a database, and who gave it. */
export interface GivenSetting {
  readonly key: string
  readonly value: unknown
  /** Absent: no rule, it is as it is by default. */
  readonly rule?: PolicyRule
  /** Service meta that raised it above what any rule says. */
  readonly meta?: string
}

/** What holds for one database. */
export interface EffectivePolicy {
  /** Absent: none matches, or none of those that do says where backups go (the gap `no-policy`). */
  readonly policy?: Policy
  /** The rules that match it, the weakest first. */
  readonly rules: readonly PolicyRule[]
  readonly settings: readonly GivenSetting[]
  readonly disagreements: readonly Disagreement[]
}

/** How a book is read: the first rule that matches is the policy, or all that match are laid over each other. */
export type BookKind = 'first-match' | 'layered'

/** Makes the policy of some settings: fills in the defaults, and tells all values. */
export type PolicyMaker = (
  name: string,
  selector: PolicySelector,
  settings: SettingValues,
) => { readonly policy: Policy; readonly settings: SettingValues }

/**
 * Every rule there is, and what they come to for each database. The same combination of rules gives the same policy
 * object, however many databases it is for: what is worked out for a policy is worked out once.
 */
export class PolicyBook {
  readonly kind: BookKind
  readonly rules: readonly PolicyRule[]
  /** Whether any rule limits when jobs may start. */
  readonly limited: boolean
  readonly #make: PolicyMaker
  readonly #selectors: readonly PolicyRule[]
  readonly #databases: ReadonlyMap<string, PolicyRule>
  readonly #place: ReadonlyMap<PolicyRule, number>
  readonly #byCluster = new Map<string, readonly PolicyRule[]>()
  readonly #combined = new Map<string, EffectivePolicy>()

  constructor(kind: BookKind, rules: readonly PolicyRule[], make: PolicyMaker) {
    this.kind = kind
    this.rules = rules
    this.#make = make
    this.#place = new Map(rules.map((each, index) => [each, index] as const))
    this.#selectors = rules.filter(each => each.layer !== 'database')
    this.#databases = new Map(
      rules.filter(each => each.layer === 'database').map(each => [each.name, each] as const),
    )
    this.limited = rules.some(({ settings }) => 'windows' in settings || 'blackouts' in settings)
  }

  /** The shortest promise of any rule: what is promised to what is not known yet. Undefined of no rules. */
  get strictestRpo(): Duration | undefined {
    const promises = this.rules.flatMap(rule => this.#combine([rule]).policy?.rpo ?? [])
    const given = this.rules.map(each => each.settings['rpo']).filter(each => typeof each === 'number')
    const all = [...promises, ...given]
    return all.length === 0 ? undefined : Math.min(...all)
  }

  of(subject: PolicySubject): EffectivePolicy {
    const { name } = subject
    const near = this.#nearCluster(subject)
    if (this.kind === 'first-match') {
      const first = near.find(each => selectsName(each.selector, name))
      return this.#combine(first === undefined ? [] : [first])
    }
    const own = this.#ofDatabase(subject)
    const matching = near.filter(each => selectsName(each.selector, name))
    return this.#combine(own === undefined ? matching : [...matching, own])
  }

  /** What a rule, asked for by its name, would come to for a database that its selector need not match; undefined of no such rule. */
  named(name: string, subject: PolicySubject): EffectivePolicy | undefined {
    const rule = this.#selectors.find(each => each.layer === 'rule' && each.name === name)
    if (rule === undefined) return undefined
    if (this.kind === 'first-match') return this.#combine([rule])
    const { rules } = this.of(subject)
    return this.#combine(this.rules.filter(each => each === rule || rules.includes(each)))
  }

  /** The rules that a cluster's databases have in common: asked once for all of them. */
  #nearCluster(subject: PolicySubject): readonly PolicyRule[] {
    const { engine, service, datacenter, tags = [], cluster = '' } = subject
    const key = [engine, service, datacenter, cluster, ...tags].join('\0')
    const known = this.#byCluster.get(key)
    if (known !== undefined) return known
    const near = this.#selectors.filter(each => selectsCluster(each.selector, subject))
    if (this.#byCluster.size >= mostRemembered) this.#byCluster.clear()
    this.#byCluster.set(key, near)
    return near
  }

  /** By its id, else as `cluster/name`, else as `service/name`. */
  #ofDatabase({ id, cluster, service, scope, name }: PolicySubject): PolicyRule | undefined {
    if (this.#databases.size === 0) return undefined
    const own = scope === 'cluster' ? globals : name
    return (
      this.#databases.get(id ?? '') ??
      this.#databases.get(`${cluster ?? ''}/${own}`) ??
      this.#databases.get(`${service}/${own}`)
    )
  }

  #combine(rules: readonly PolicyRule[]): EffectivePolicy {
    const key = rules.map(each => this.#place.get(each)).join(',')
    const known = this.#combined.get(key)
    if (known !== undefined) return known
    const effective = effectiveOf(this.kind, rules, mergeRules(rules), this.#make)
    if (this.#combined.size >= mostRemembered) this.#combined.clear()
    this.#combined.set(key, effective)
    return effective
  }
}

function effectiveOf(
  kind: BookKind,
  rules: readonly PolicyRule[],
  { settings, givenBy, disagreements }: Merged,
  make: PolicyMaker,
): EffectivePolicy {
  const sorted = [...rules].reverse().sort(compareRules)
  // a database's own settings change its promise, not the name it is counted under
  const named = sorted.findLast(each => each.layer !== 'database') ?? sorted.at(-1)
  if (named === undefined) return { rules: [], settings: [], disagreements: [] }
  const made = make(named.name, kind === 'first-match' ? named.selector : {}, settings)
  const placed = settings['destination'] !== undefined || settings['destinations'] !== undefined
  return {
    ...(placed ? { policy: made.policy } : {}),
    rules: sorted,
    settings: Object.entries(made.settings).map(([key, value]) => {
      const rule = givenBy.get(key)
      return { key, value, ...(rule === undefined ? {} : { rule }) }
    }),
    disagreements,
  }
}
