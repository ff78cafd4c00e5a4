import type { AgentId, ClusterId, JobId } from '../../shared/model/identifiers.ts'
import type { Millis, Now } from '../../shared/time/index.ts'
import type { NamedBudgets } from '../budget-config.ts'
import { attemptOf, type Job, type JobKind, type VerifyOrder } from '../jobs/job.ts'
import { startableAt } from '../jobs/retry.ts'
import type { ForecastJob } from '../planner/forecast.ts'
import {
  type AgentCapacity,
  type Budgets,
  hostCapacity,
  isLimited,
  needsOf,
  openSpans,
  type PlanInput,
  type Prediction,
  type QueuedJob,
  type RunningJob,
  type Span,
} from '../planner/index.ts'
import { nextInstant, type Policy, type Schedule } from '../policy/index.ts'
import type { DatabaseRecord, DatabaseStateRecord } from '../store/records.ts'
import { agentSlots } from './agent-slots.ts'
import { ableTo, type Candidates, candidatesOf, featuresFor, ranksOf, withHooks } from './candidates.ts'
import { onHostsAtWork, pauseOf, pauseText, withoutPaused } from './pauses.ts'
import { replicaLag } from './replica-choice.ts'
import { databaseOf, policyOf, subjectOf } from './subject.ts'
import type { Term } from './term.ts'
import { FreeVerifiers, verifierRanks } from './verifiers.ts'

/** Restores and deletes have no promise of their own; they come when there is room. */
const unpromised = 24 * 3_600_000
/** Of a cron schedule, in one forecast. */
const mostInstants = 2_000

/** The picture of the fleet the planner decides on, from memory as last committed. */
export function planInput(term: Term, now: Now): PlanInput {
  const queued: QueuedJob[] = []
  const running: RunningJob[] = []
  const look = new Look(term, now.wall)
  for (const job of term.jobs.all()) {
    const attempt = attemptOf(job.state)
    if (job.state.kind === 'queued') {
      if (!isOnItsWay(job, term, now))
        queued.push(look.queued(job, startableAt(job.state.notBefore, job.retry, now.wall)))
    } else if (attempt !== undefined)
      running.push(look.running(job, attempt.agentId, attempt.startedAt ?? attempt.assignedAt))
  }
  const { budgets } = term.policies
  return {
    now,
    queued,
    running,
    agents: agentsOf(term, now, running),
    ...(budgets === undefined ? {} : { budgets: budgetsFor(budgets, term) }),
  }
}

/** Whether the agent of a job's newest attempt has come back and is about to tell what became of it. */
export function isOnItsWay(job: Job, term: Term, now: Now): boolean {
  const attempt = attemptOf(job.state)
  return attempt !== undefined && term.live.isAnnounced(attempt, now.mono)
}

/** Every agent with what it may be given. @param running what holds memory on their hosts */
export function agentsOf(
  term: Term,
  now: Now,
  running: readonly RunningJob[] = [],
): readonly AgentCapacity[] {
  const sites = sitesOf(term)
  const held = new Map<AgentId, number>()
  for (const { agentId, bufferBytes = 0 } of running)
    held.set(agentId, (held.get(agentId) ?? 0) + bufferBytes)
  return term.live.records().map(record => {
    const claim = term.live.hostOf(record.id)?.claim
    const site = sites?.get(record.id)
    return {
      id: record.id,
      host: record.hostname,
      connected: term.live.isConnected(record.id) && !term.live.isSilent(record.id, now),
      draining: term.live.view(record.id, now)?.draining ?? false,
      slots: agentSlots(record.id, term),
      ...(claim === undefined ? {} : hostCapacity(claim, held.get(record.id))),
      ...(site === undefined ? {} : { site }),
    }
  })
}

/** The datacenter of each agent's instances; asked for only where a site has a budget. */
export function sitesOf(term: Pick<Term, 'policies' | 'fleet'>): ReadonlyMap<AgentId, string> | undefined {
  const { budgets } = term.policies
  if (budgets === undefined || (budgets.site === undefined && budgets.sites.size === 0)) return undefined
  const sites = new Map<AgentId, string>()
  for (const { agentId, datacenter, goneSince } of term.fleet.instances())
    if (agentId !== undefined && goneSince === undefined && !sites.has(agentId))
      sites.set(agentId, datacenter)
  return sites
}

/** Budgets with clusters by their ids, and hosts by what their agents call them. */
export function budgetsFor(budgets: NamedBudgets, term: Pick<Term, 'fleet' | 'live'>): Budgets {
  const clusters = new Map<ClusterId, NonNullable<Budgets['cluster']>>()
  if (budgets.clusters.size > 0)
    for (const { id, name } of term.fleet.clusters()) {
      const budget = budgets.clusters.get(name)
      if (budget !== undefined) clusters.set(id, budget)
    }
  return { ...budgets, clusters, hosts: hostBudgets(budgets.hosts, term) }
}

/** A host may be named as its agent does, or as discovery names its node: the agent's own word comes first. */
function hostBudgets(
  named: NamedBudgets['hosts'],
  { fleet, live }: Pick<Term, 'fleet' | 'live'>,
): NonNullable<Budgets['hosts']> {
  if (named.size === 0) return named
  const hosts = new Map(named)
  const add = (hostname: string, node: string) => {
    const budget = named.get(node)
    if (budget !== undefined && !hosts.has(hostname)) hosts.set(hostname, budget)
  }
  for (const { hostname, nodeName } of live.records()) add(hostname, nodeName)
  for (const { agentId, nodeName, goneSince } of fleet.instances()) {
    const agent = agentId === undefined ? undefined : live.record(agentId)
    // a pool agent has a host of its own
    if (agent !== undefined && !agent.pool && goneSince === undefined) add(agent.hostname, nodeName)
  }
  return hosts
}

/** What tells whose work a job is. */
type Subjected = Pick<Job, 'id' | 'kind' | 'subject' | 'order'>

/** One look at the fleet: what is the same for many jobs is asked once. */
export class Look {
  readonly #term: Term
  readonly #at: Millis
  readonly #days: number
  readonly #candidates = new Map<string, Candidates>()
  readonly #ranks = new Map<string, ReadonlyMap<AgentId, number>>()
  readonly #windows = new Map<Policy, readonly Span[]>()
  readonly #instants = new Map<Policy, readonly Millis[]>()
  #free: FreeVerifiers | undefined

  /** @param days how far ahead windows are told */
  constructor(term: Term, at: Millis, days = 3) {
    this.#term = term
    this.#days = days
    this.#at = at
  }

  queued(job: Job, notBefore: Millis): QueuedJob {
    const facts = this.#facts(job)
    const { record, candidates: able, policy, state, prediction, sizeBytes } = facts
    const byHand = job.origin === 'operator'
    // what a person starts starts, paused or not
    const held = byHand || (job.kind !== 'backup' && job.kind !== 'verify')
    const unpaused = held ? able : this.#unpaused(record, able, job.kind)
    const verifying = job.order.kind === 'verify' ? this.#verifying(job, job.order, unpaused) : undefined
    const candidates = verifying?.candidates ?? unpaused
    const ranks = verifying?.ranks ?? facts.ranks
    return {
      id: job.id,
      kind: job.kind,
      ...clusterOf(job),
      dueAt: job.dueAt,
      notBefore,
      deadline:
        policy === undefined || state === undefined
          ? // what no backup waits for is never as urgent as one
            (job.kind === 'verify' && !byHand ? this.#at : job.dueAt) + unpromised
          : (state.lastDataAsOf ?? state.clockFrom) + policy.rpo,
      manual: byHand,
      ...prediction,
      sizeBytes,
      ...facts.needs,
      ...standingOf(job, policy),
      attempts: job.attempts,
      ...destinationOf(job, policy),
      // whoever starts a backup by hand means now
      ...(policy === undefined || !isLimited(policy) || byHand ? {} : { windows: this.windowsOf(policy) }),
      ...(policy?.mustFinish === undefined ? {} : { mustFinish: policy.mustFinish }),
      candidates: candidates.kind === 'some' ? candidates.agents : [],
      ...(ranks === undefined ? {} : { ranks }),
      ...(candidates.kind === 'none'
        ? { noCandidateReason: { code: candidates.code, text: candidates.text } }
        : {}),
    }
  }

  running(job: Job, agentId: AgentId, since: Millis): RunningJob {
    const { policy, prediction, needs } = this.#facts(job, false)
    const { bufferBytes, stagingBytes } = needs
    return {
      id: job.id,
      agentId,
      ...clusterOf(job),
      ...destinationOf(job, policy),
      rate: prediction.rate,
      ...(bufferBytes === undefined ? {} : { bufferBytes }),
      // what it has written is no longer free, and half of what was asked for was to be on the safe side
      ...(stagingBytes === undefined ? {} : { stagingBytes: Math.ceil(stagingBytes / 2) }),
      endsAt: since + prediction.p90,
    }
  }

  /** A backup that is not a job yet, as the forecast takes it; undefined: no policy promises one. */
  upcoming(record: DatabaseRecord, state: DatabaseStateRecord): ForecastJob | undefined {
    // it has no job yet: its own id stands for one
    const id = record.id as string as JobId
    const subject = subjectOf(record)
    const facts = this.#facts({ id, kind: 'backup', order: { kind: 'backup' }, subject })
    const { ranks, policy, prediction } = facts
    const candidates = this.#unpaused(record, facts.candidates, 'backup')
    if (policy === undefined || state.nextDueAt === undefined) return undefined
    return {
      id,
      kind: 'backup',
      clusterId: record.clusterId,
      dueAt: state.nextDueAt,
      notBefore: state.nextDueAt,
      deadline: (state.lastDataAsOf ?? state.clockFrom) + policy.rpo,
      manual: false,
      ...prediction,
      sizeBytes: record.sizeBytes,
      ...facts.needs,
      importance: policy.importance ?? 1,
      attempts: 0,
      ...writesTo(policy),
      ...(isLimited(policy) ? { windows: this.windowsOf(policy) } : {}),
      ...(policy.mustFinish === undefined ? {} : { mustFinish: policy.mustFinish }),
      candidates: candidates.kind === 'some' ? candidates.agents : [],
      ...(ranks === undefined ? {} : { ranks }),
      ...(candidates.kind === 'none'
        ? { noCandidateReason: { code: candidates.code, text: candidates.text } }
        : {}),
      every: policy.schedule.every,
      ...(policy.schedule.kind === 'cron' ? { instants: this.#instantsOf(policy, policy.schedule) } : {}),
      rpo: policy.rpo,
    }
  }

  /** The verifier that is free for a job, if one is. */
  #verifying(job: Job, order: VerifyOrder, able: Candidates) {
    if (able.kind === 'none') return { candidates: able, ranks: undefined }
    const clusterId = job.subject.scope === 'destination' ? undefined : job.subject.clusterId
    const ranks = verifierRanks(order, clusterId, able.agents, this.#term)
    this.#free ??= new FreeVerifiers(this.#term)
    return { candidates: this.#free.take(able.agents, ranks, this.#term.unfit.of(job.subject)), ranks }
  }

  /** Who is left of those that could do a scheduled backup or verification, or the pause that holds it. */
  #unpaused(record: DatabaseRecord | undefined, candidates: Candidates, kind: JobKind): Candidates {
    const { pauses } = this.#term
    if (record === undefined || candidates.kind === 'none' || pauses.none) return candidates
    const pause = pauseOf(record, this.#term, this.#at)
    if (pause !== undefined) return { kind: 'none', code: 'paused', text: pauseText(pause) }
    const agents =
      kind === 'verify'
        ? onHostsAtWork(candidates.agents, this.#term, this.#at)
        : withoutPaused(candidates.agents, record.clusterId, this.#term, this.#at)
    return agents.length > 0
      ? { kind: 'some', agents }
      : { kind: 'none', code: 'paused', text: 'the hosts or sites of those that could do it are paused' }
  }

  /** The instants of a cron schedule in the time ahead. */
  #instantsOf(policy: Policy, { expression, zone }: Extract<Schedule, { kind: 'cron' }>): readonly Millis[] {
    const known = this.#instants.get(policy)
    if (known !== undefined) return known
    const until = this.#at + this.#days * 86_400_000
    const instants: Millis[] = []
    let at = nextInstant(expression, zone, this.#at)
    while (at < until && instants.length < mostInstants) {
      instants.push(at)
      at = nextInstant(expression, zone, at)
    }
    this.#instants.set(policy, instants)
    return instants
  }

  windowsOf(policy: Policy): readonly Span[] {
    const known = this.#windows.get(policy)
    if (known !== undefined) return known
    const spans = openSpans(policy, this.#at, this.#days)
    this.#windows.set(policy, spans)
    return spans
  }

  candidatesOf(job: Subjected, policy?: Policy): Candidates {
    const key =
      job.kind === 'backup' && job.subject.scope !== 'destination'
        ? `${job.subject.clusterId}/${policy?.replica ?? ''}/${policy?.replicaMaxLag ?? ''}`
        : job.id
    const known = this.#candidates.get(key)
    if (known !== undefined) return known
    const candidates = candidatesOf(job, this.#term, policy)
    this.#candidates.set(key, candidates)
    return candidates
  }

  ranksOf(clusterId: ClusterId, policy: Policy): ReadonlyMap<AgentId, number> {
    const key = `${clusterId}/${policy.replicaMaxLag ?? ''}`
    const known = this.#ranks.get(key)
    if (known !== undefined) return known
    const ranks = ranksOf(clusterId, policy.replicaMaxLag ?? replicaLag, this.#term)
    this.#ranks.set(key, ranks)
    return ranks
  }

  #facts(job: Subjected, wanted = true) {
    const { fleet, predictions } = this.#term
    const record = databaseOf(job.subject, fleet)
    const state = record === undefined ? undefined : fleet.database(record.id)?.state
    const backup = job.kind === 'backup'
    const policy = record === undefined || !backup ? undefined : policyOf(record, this.#term)
    const engine = record === undefined ? undefined : fleet.cluster(record.clusterId)?.engine
    const prediction =
      record === undefined
        ? { p50: 5_000, p90: 10_000, rate: 0 }
        : predictions.of({ record, state, engine, policy }, this.#at, wanted && backup)
    return {
      record,
      candidates: wanted
        ? withHooks(
            policy,
            ableTo(
              featuresFor(job, policy, this.#term.settings.destinations),
              this.candidatesOf(job, policy),
              this.#term,
            ),
            this.#term,
          )
        : ({ kind: 'some', agents: [] } as const),
      ranks:
        record === undefined || policy === undefined ? undefined : this.ranksOf(record.clusterId, policy),
      policy,
      state,
      // budgets are of what is stored: backups and their copies store; a verification reads as much of the same
      prediction:
        job.kind === 'verify'
          ? verifyPrediction(prediction, state?.verification?.good?.restoreMs)
          : backup || job.kind === 'copy'
            ? prediction
            : { ...prediction, rate: 0 },
      needs: needsOf({
        kind: job.kind,
        engine: engine === undefined || engine === 'unknown' ? 'postgres' : engine,
        rawBytes: state?.lastRawBytes ?? record?.sizeBytes ?? 0,
        storedBytes: state?.lastStoredBytes ?? 0,
        ...(policy?.codec === undefined ? {} : { codec: policy.codec }),
        ...(policy?.streams === undefined ? {} : { streams: policy.streams }),
        ...(policy?.strategy === undefined ? {} : { strategy: policy.strategy }),
      }),
      sizeBytes: record?.sizeBytes ?? 0,
    }
  }
}

/** A restore takes as long as the last one did, else about twice what the backup took; then everything is counted. */
function verifyPrediction(backup: Prediction, restoreMs: number | undefined): Prediction {
  const p50 = restoreMs === undefined ? 2 * backup.p50 : Math.ceil(1.25 * restoreMs)
  return { ...backup, p50, p90: 2 * p50 }
}

/** Above and below everything that policies can say. */
const mostImportant = 1_000
const leastImportant = -1_000

/** How much a job matters: by its policy, or as the person who asked for it says. */
function standingOf(
  { order, origin }: Job,
  policy: Policy | undefined,
): { readonly importance: number; readonly urgent?: true } {
  // a scheduled verification takes what backups leave
  if (order.kind === 'verify' && origin === 'schedule') return { importance: leastImportant }
  const priority = order.kind === 'backup' ? order.priority : undefined
  if (priority === 'high') return { importance: mostImportant, urgent: true }
  return { importance: priority === 'low' ? leastImportant : (policy?.importance ?? 1) }
}

/** Where a job's bytes go. */
function destinationOf(
  { order }: Job,
  policy: Policy | undefined,
): Pick<QueuedJob, 'destination' | 'further'> {
  if (order.kind === 'copy') return { destination: order.destination }
  if (order.kind === 'verify') {
    const [destination] = order.sources
    return destination === undefined ? {} : { destination }
  }
  return policy === undefined ? {} : writesTo(policy)
}

/** Every destination that a backup is written to with the dump. */
function writesTo({ destination, copies }: Policy): Pick<QueuedJob, 'destination' | 'further'> {
  return { destination, ...(copies?.when === 'at-once' ? { further: copies.destinations } : {}) }
}

function clusterOf(job: Job): { readonly clusterId?: ClusterId } {
  // copies and verifications ask nothing of the cluster's servers
  return job.subject.scope === 'destination' || job.kind === 'copy' || job.kind === 'verify'
    ? {}
    : { clusterId: job.subject.clusterId }
}
