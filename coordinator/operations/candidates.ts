import type { Destination } from '../../shared/model/destination.ts'
import type { AgentId, ClusterId } from '../../shared/model/identifiers.ts'
import type { Duration } from '../../shared/time/index.ts'
import type { Job, VerifyOrder } from '../jobs/job.ts'
import { hooksIn, type Policy } from '../policy/index.ts'
import type { InstanceRecord } from '../store/records.ts'
import { fitOf, noVerifierText } from '../verification/index.ts'
import { replicaChoice } from './replica-choice.ts'
import type { Term } from './term.ts'

/** Who could do a job, by identity and feature alone, or why nobody could. */
export type Candidates =
  | { readonly kind: 'some'; readonly agents: readonly AgentId[] }
  | { readonly kind: 'none'; readonly code: string; readonly text: string }

/**
 * Agents that can do `job`: those of its cluster's instances, as far as the policy of a backup takes replicas, of
 * the restore's target, keepers, or those that can start a server to restore into.
 */
export function candidatesOf(
  job: Pick<Job, 'order' | 'subject'>,
  term: Pick<Term, 'fleet' | 'live'>,
  policy?: Pick<Policy, 'replica' | 'replicaMaxLag'>,
): Candidates {
  if (job.order.kind === 'delete') return keepers(term)
  if (job.order.kind === 'verify') return verifiersFor(job.order, term)
  if (job.order.kind === 'copy') {
    // without a keeper, whoever made the backup may have the credentials of both
    const found = keepers(term)
    if (found.kind === 'some') return found
  }
  const present = instancesFor(job, term)
  if (present.length === 0)
    return { kind: 'none', code: 'gone', text: 'discovery no longer shows an instance of it' }
  const choice = replicaChoice(present, job.order.kind === 'backup' ? policy : undefined, term)
  if (choice.kind === 'none') return choice
  const { instances } = choice
  const agents = new Set<AgentId>()
  for (const { agentId } of instances)
    if (agentId !== undefined && term.live.record(agentId) !== undefined) agents.add(agentId)
  if (agents.size > 0) return { kind: 'some', agents: [...agents].sort() }
  const gap = instances.find(each => each.gap !== undefined)?.gap
  return {
    kind: 'none',
    code: gap?.code ?? 'no-agent',
    text: gap?.detail ?? 'no agent answers for its instance',
  }
}

/** What an agent must know beyond the first protocol to do a job without leaving something out unsaid. */
export const agentFeatures = ['encryption', 'destination-settings', 'hooks', 'backup-delete'] as const
export type AgentFeature = (typeof agentFeatures)[number]

const wantedFor: Readonly<Record<AgentFeature, string>> = {
  encryption: 'its policy encrypts',
  'destination-settings': 'its destination has settings of how objects are kept',
  hooks: 'its policy has hooks',
  'backup-delete': 'it deletes backups',
}

/** What a job asks of whoever does it: a policy that encrypts or has hooks, destinations that keep objects in a way of their own. */
export function featuresFor(
  job: Pick<Job, 'order'>,
  policy: Pick<Policy, 'encryption' | 'destination' | 'copies' | 'hooks'> | undefined,
  destinations: ReadonlyMap<string, Pick<Destination, 'settings'>>,
): readonly AgentFeature[] {
  if (job.order.kind === 'delete') return job.order.backups === undefined ? [] : ['backup-delete']
  const written =
    job.order.kind === 'copy'
      ? [job.order.destination]
      : policy === undefined
        ? []
        : [policy.destination, ...(policy.copies?.when === 'at-once' ? policy.copies.destinations : [])]
  const kept = written.some(name => destinations.get(name)?.settings !== undefined)
  return [
    ...(policy?.encryption === undefined ? [] : (['encryption'] as const)),
    ...(kept ? (['destination-settings'] as const) : []),
    ...(job.order.kind === 'backup' && policy?.hooks !== undefined ? (['hooks'] as const) : []),
  ]
}

/**
 * Those of them that know every feature a job needs: an agent that does not know encryption would store
 * plaintext, one that does not know a destination's settings would leave out its storage class or Object Lock,
 * and neither would say so.
 */
export function ableTo(
  needed: readonly AgentFeature[],
  candidates: Candidates,
  term: Pick<Term, 'live'>,
): Candidates {
  if (needed.length === 0 || candidates.kind === 'none') return candidates
  const agents = candidates.agents.filter(id => {
    const features = term.live.record(id)?.features ?? []
    return needed.every(each => features.includes(each))
  })
  return agents.length > 0
    ? { kind: 'some', agents }
    : {
        kind: 'none',
        code: 'agent-too-old',
        text: `${needed.map(each => wantedFor[each]).join(', and ')}; no agent that could do it knows how, upgrade them`,
      }
}

/** Those of them whose host has every hook that a job's policy names: the others would refuse it. */
export function withHooks(
  policy: Pick<Policy, 'hooks'> | undefined,
  candidates: Candidates,
  term: Pick<Term, 'live'>,
): Candidates {
  const names = policy === undefined ? [] : hooksIn(policy)
  if (names.length === 0 || candidates.kind === 'none') return candidates
  const lacking = (id: AgentId) => {
    const known = term.live.record(id)?.hooks ?? []
    return names.filter(each => !known.includes(each))
  }
  const agents = candidates.agents.filter(id => lacking(id).length === 0)
  if (agents.length > 0) return { kind: 'some', agents }
  const missing = [...new Set(candidates.agents.flatMap(lacking))]
  return {
    kind: 'none',
    code: 'no-hook',
    text: `its policy has hooks, and no agent that could do it has ${missing.join(', ')}: add them to its configuration`,
  }
}

/**
 * Which agents of a cluster come first: 0 where it would work on a replica that is at most `maxLag` behind, 1 on
 * its primary or one whose lag nobody told, 2 a pool agent, 3 a replica that lags.
 */
export function ranksOf(
  clusterId: ClusterId,
  maxLag: Duration,
  term: Pick<Term, 'fleet' | 'live'>,
): ReadonlyMap<AgentId, number> {
  const chosen = new Map<AgentId, InstanceRecord>()
  for (const instance of term.fleet.instancesOf(clusterId)) {
    const { agentId } = instance
    if (agentId === undefined || instance.goneSince !== undefined) continue
    const known = chosen.get(agentId)
    if (known === undefined || before(instance, known)) chosen.set(agentId, instance)
  }
  const ranks = new Map<AgentId, number>()
  for (const [agentId, instance] of chosen) {
    const lag = instance.role === 'replica' ? term.live.lagOf(instance.id) : undefined
    const lagging = lag !== undefined && lag > maxLag
    const fresh = lag !== undefined && maxLag > 0 && !lagging
    const rank = lagging ? 3 : term.live.record(agentId)?.pool === true ? 2 : fresh ? 0 : 1
    if (rank !== 1) ranks.set(agentId, rank)
  }
  return ranks
}

/** The instance an agent works on for a job: of those its policy takes a primary before a replica, then by id. */
export function instanceFor(
  job: Job,
  agentId: AgentId,
  term: Pick<Term, 'fleet' | 'live'>,
  policy?: Pick<Policy, 'replica' | 'replicaMaxLag'>,
): InstanceRecord | undefined {
  const choice = replicaChoice(
    instancesFor(job, term),
    job.order.kind === 'backup' ? policy : undefined,
    term,
  )
  if (choice.kind === 'none') return undefined
  return choice.instances
    .filter(each => each.agentId === agentId)
    .toSorted((a, b) => (before(a, b) ? -1 : 1))[0]
}

function instancesFor(
  job: Pick<Job, 'order' | 'subject'>,
  term: Pick<Term, 'fleet'>,
): readonly InstanceRecord[] {
  if (job.order.kind === 'restore') {
    const target = term.fleet.instance(job.order.instanceId)
    return target === undefined || target.goneSince !== undefined ? [] : [target]
  }
  if (job.subject.scope === 'destination') return []
  return term.fleet.instancesOf(job.subject.clusterId).filter(each => each.goneSince === undefined)
}

function keepers(term: Pick<Term, 'live'>): Candidates {
  const agents = term.live
    .records()
    .filter(each => each.keeper)
    .map(each => each.id)
    .sort()
  return agents.length > 0
    ? { kind: 'some', agents }
    : { kind: 'none', code: 'no-keeper', text: 'no agent may delete in buckets; run one as keeper' }
}

/** Agents that can start a throw-away server for a backup, connected or not, or that none can. */
function verifiersFor(
  { engine, serverVersion }: Pick<VerifyOrder, 'engine' | 'serverVersion'>,
  term: Pick<Term, 'live'>,
): Candidates {
  const agents = term.live
    .verifiers()
    .filter(each => fitOf(each.verifyServers ?? [], engine, serverVersion) !== undefined)
    .map(each => each.id)
    .sort()
  return agents.length > 0
    ? { kind: 'some', agents }
    : { kind: 'none', code: 'no-verifier', text: noVerifierText(engine, serverVersion) }
}

function before(one: InstanceRecord, other: InstanceRecord): boolean {
  const by = rank(one) - rank(other)
  return by < 0 || (by === 0 && one.id < other.id)
}

function rank(instance: InstanceRecord): number {
  return instance.role === 'primary' ? 0 : instance.role === undefined ? 1 : 2
}
