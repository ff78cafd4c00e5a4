import { LoopShare } from '../../shared/clock/index.ts'
import { type Duration, formatDuration, type Millis } from '../../shared/time/index.ts'
import type { NamedBudgets } from '../budget-config.ts'
import { type EffectivePolicy, type PolicyBook, withPace } from '../policy/index.ts'
import { type Finding, FleetLint } from '../policy/lint/index.ts'
import { shortenings } from '../retention/index.ts'
import type { DatabaseRecord } from '../store/records.ts'
import { budgetFindings } from './budget-findings.ts'
import { ProofLint, WeakerProofs } from './proof-lint.ts'
import { nameOf, policySubjectOf, takes } from './subject.ts'
import type { Term } from './term.ts'

const mostExamples = 5

/** Databases whose promise becomes another one, by the policy they have and the one they get. */
export interface PolicyEffect {
  /** Empty: none. */
  readonly before: string
  readonly after: string
  count: number
  readonly examples: string[]
}

/** What policies would do to the fleet as it is. */
export interface PolicyReview {
  readonly findings: readonly Finding[]
  /** Those that those in force do not have: who brings an error is refused, who inherits it is told. */
  readonly fresh: readonly Finding[]
  readonly effects: readonly PolicyEffect[]
  /** Databases that have another promise, and all there are. */
  readonly changed: number
  readonly databases: number
  /** Databases of whose backups fewer are kept. */
  readonly shortened: number
  /** Databases whose backups are proven less. */
  readonly weakened: number
}

/** Tries policies on every database of the fleet, beside those in force. */
export async function reviewPolicies(
  candidate: { readonly book: PolicyBook; readonly budgets?: NamedBudgets | undefined },
  term: Term,
): Promise<PolicyReview> {
  const now = term.clock.now().wall
  const { book, budgets } = term.policies
  const [lint, before] = [new FleetLint(candidate.book, now), new FleetLint(book, now)]
  const [proofs, proofsBefore] = [new ProofLint(term), new ProofLint(term)]
  const weaker = new WeakerProofs()
  const effects = new Map<string, PolicyEffect>()
  const share = new LoopShare()
  let databases = 0
  let changed = 0
  let kept = 0
  let shortened = 0
  const shorter = new Map<string, { readonly count: number; readonly example: string }>()
  for (const { record, state } of term.fleet.databases()) {
    if (share.spent) await share.renew()
    const subject = policySubjectOf(record, term.fleet)
    if (subject === undefined || record.goneSince !== undefined) continue
    databases++
    const name = nameOf(record, term.fleet)
    const engine = term.fleet.cluster(record.clusterId)?.engine
    const promised = book.of(subject).policy?.rpo
    const tried = (each: PolicyBook) => {
      const effective = paced(each.of(subject), () => takes(record, term.fleet))
      const { policy } = effective
      const { p50, p90 } = term.predictions.of({ record, state, engine, policy }, now)
      return {
        ...{ name, clusterId: record.clusterId, effective, p50, p90 },
        ...(state?.lastDurationMs === undefined ? {} : { lastDuration: state.lastDurationMs }),
        ...(promised === undefined ? {} : { promised }),
        ...(policy?.hooks === undefined ? {} : { hooksOfHosts: hooksOfHosts(record, term) }),
      }
    }
    const [next, last] = [tried(candidate.book), tried(book)]
    lint.look(next)
    before.look(last)
    const [was, will] = [last.effective.policy, next.effective.policy]
    proofs.look(will, engine, state, next.p50)
    proofsBefore.look(was, engine, state, last.p50)
    weaker.look(name, was, will, state)
    const less = shortenings(was?.retention, will?.retention)
    // what has no backup yet loses none
    if (less.length > 0 && (state?.backups ?? 0) > 0) {
      shortened++
      const where = will?.name ?? 'no policy'
      const known = shorter.get(where) ?? { count: 0, example: `${name}: ${less.join(', ')}` }
      shorter.set(where, { ...known, count: known.count + 1 })
    }
    if (will !== undefined) kept++
    if (was?.version === will?.version) continue
    changed++
    note(effects, was?.name ?? '', will?.name ?? '', name)
  }
  const findings = [
    ...lint.findings(),
    ...losses(effects, kept),
    ...shortenedFindings(shorter, term.settings.retention.grace),
    ...weaker.findings(),
    ...proofs.findings(),
    ...budgetFindings(candidate.budgets ?? budgets, term),
  ]
  const stood = new Set(
    [...before.findings(), ...proofsBefore.findings(), ...budgetFindings(budgets, term)].map(keyOf),
  )
  return {
    findings,
    fresh: findings.filter(each => !stood.has(keyOf(each))),
    effects: [...effects.values()].sort((a, b) => b.count - a.count),
    changed,
    databases,
    shortened,
    weakened: weaker.count,
  }
}

/** The hooks of every agent that answers for a database. */
function hooksOfHosts({ clusterId }: DatabaseRecord, { fleet, live }: Term): readonly (readonly string[])[] {
  const ids = new Set(
    fleet
      .instancesOf(clusterId)
      .flatMap(({ agentId, goneSince }) =>
        agentId === undefined || goneSince !== undefined ? [] : [agentId],
      ),
  )
  return [...ids].flatMap(id => {
    const agent = live.record(id)
    return agent === undefined ? [] : [agent.hooks ?? []]
  })
}

/** Of which databases fewer backups will be kept: nothing goes before the grace is over. */
function shortenedFindings(
  shorter: ReadonlyMap<string, { readonly count: number; readonly example: string }>,
  grace: Duration,
): readonly Finding[] {
  return [...shorter].map(([where, { count, example }]) => ({
    code: 'retention-shortened',
    severity: 'warning',
    where,
    text: `of ${count} database${count === 1 ? '' : 's'} fewer backups are kept, such as ${example}; the first go ${formatDuration(grace)} later, see \`holdfast retention preview\``,
  }))
}

function paced(effective: EffectivePolicy, duration: () => Millis): EffectivePolicy {
  const { policy } = effective
  return policy === undefined ? effective : { ...effective, policy: withPace(policy, duration) }
}

function note(effects: Map<string, PolicyEffect>, before: string, after: string, name: string): void {
  const key = `${before}\0${after}`
  const known = effects.get(key)
  if (known === undefined) effects.set(key, { before, after, count: 1, examples: [name] })
  else {
    known.count++
    if (known.examples.length < mostExamples) known.examples.push(name)
  }
}

/**
 * Databases that nothing would promise anything to any more: somebody may want that, nobody may overlook it. That none
 * has a promise any more nobody wants.
 */
function losses(effects: ReadonlyMap<string, PolicyEffect>, kept: number): readonly Finding[] {
  return [...effects.values()]
    .filter(each => each.after === '')
    .map(({ before, count, examples }) => ({
      code: 'loses-policy',
      severity: kept === 0 ? 'error' : 'warning',
      where: before,
      text: `${count} database${count === 1 ? '' : 's'} would have no policy any more, such as ${examples[0] ?? ''}`,
    }))
}

function keyOf({ code, severity, where }: Finding): string {
  return `${code}\0${severity}\0${where}`
}
