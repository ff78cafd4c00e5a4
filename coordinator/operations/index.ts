import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type {
  AgentId,
  ApprovalId,
  BackupId,
  ClusterId,
  DatabaseId,
  InstanceId,
  JobId,
  SilenceId,
} from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { Notifier } from '../alerts/index.ts'
import type { Anchor } from '../audit/index.ts'
import type { FleetMap } from '../fleet/fleet-map.ts'
import type { Job } from '../jobs/index.ts'
import type { Priority } from '../jobs/job.ts'
import type { EffectivePolicy } from '../policy/index.ts'
import type { Runs } from '../protection/expected-runs.ts'
import type { RetentionVerdict } from '../retention/index.ts'
import type { Aggregates, Store } from '../store/port.ts'
import type {
  AgentRecord,
  AlertRecord,
  ApprovalRecord,
  DatabaseRecord,
  Labels,
  PauseRecord,
  SilenceRecord,
  TokenRecord,
} from '../store/records.ts'
import type { Adopted } from './adopt-policies.ts'
import { type AgentWork, agentWork } from './agent-work.ts'
import { type Asked, ackAlert, endSilence, silenceAlerts, testAlertChannel } from './alert-verbs.ts'
import { readAnchors } from './anchor-audit.ts'
import { type Approvable, decideApproval } from './approve.ts'
import { type BackupAsked, deleteBackup, holdBackup, releaseBackup, releaseBrake } from './backup-verbs.ts'
import type { BrakeSeen } from './brake-seen.ts'
import { cancelJob } from './cancel-job.ts'
import { overdueAfter } from './copies.ts'
import type { DiscoveryHealth, SourceHealth } from './discovery-health.ts'
import { forecastPlan, type PlanForecast } from './forecast-plan.ts'
import type { JobView, Progress } from './job-views.ts'
import type { LiveAgent } from './live-agents.ts'
import { type PauseSubject, pause, resume, setDraining } from './pause-verbs.ts'
import { type ApplyRequest, applyPolicies, checkPolicies, type PolicyCheck } from './policy-verbs.ts'
import { effectivePolicyOf, type PoliciesView, viewPolicies } from './policy-views.ts'
import type { Principal } from './principal.ts'
import { refusedWish, refusedWishesOf } from './refused-wishes.ts'
import { retainedOf, retentionText } from './retained.ts'
import { startBackup } from './start-backup.ts'
import { startCopy } from './start-copy.ts'
import { startRestore } from './start-restore.ts'
import { startVerification } from './start-verification.ts'
import type { Term } from './term.ts'
import { createToken, revokeToken, type TokenRequest } from './token-verbs.ts'
import { type UnregisteredServer, unregisteredServers } from './unregistered-servers.ts'
import { jobView, watchJob } from './watch-job.ts'
import { parseWhatIf } from './what-if.ts'

export type { AgentWork } from './agent-work.ts'
export { stateOfApproval } from './approve.ts'
export type { BrakeSeen } from './brake-seen.ts'
export type { SourceHealth } from './discovery-health.ts'
export type { PlanForecast, PlannedMiss, PlannedRun } from './forecast-plan.ts'
export type { JobView, Progress } from './job-views.ts'
export type { LiveAgent } from './live-agents.ts'
export { type AccessScope, actorOf, covers, type Principal, type Role, roles } from './principal.ts'
export type { Settings, Times } from './settings.ts'

/** A forecast from further ahead says nothing. */
const furthest = 7 * 86_400_000
/** Clocks of those who ask differ by less. */
const pastSlack = 600_000

/** The coordinator on one screen. */
export interface Status {
  readonly version: string
  readonly startedAt: Millis
  readonly now: Millis
  readonly fleetId: string
  readonly incarnation: string
  readonly storeKind: 'sqlite' | 'postgres'
  readonly leader: boolean
  readonly term?: number
  readonly agentsConnected: number
  readonly agentsSilent: number
  readonly aggregates: Aggregates
  /** Runs that schedules asked for in the last day, and those made in time; none where nobody leads. */
  readonly runs: Runs
  readonly discovery: readonly SourceHealth[]
  readonly outbox: { readonly pending: number; readonly dead: number }
}

/** What retention says of a database now. */
export interface RetainedView {
  /** In words; empty: everything is kept. */
  readonly rule: string
  /** Empty: none. */
  readonly policy: string
  readonly verdicts: ReadonlyMap<string, RetentionVerdict>
}

/** The verbs and views the operator service programs against. Mutations need a leader. */
export interface Operations {
  startBackup(
    principal: Principal,
    request: {
      readonly databaseId: DatabaseId
      readonly requestId: string
      readonly reason: string
      readonly priority?: Priority
    },
  ): Promise<{ readonly job: Job; readonly existing: boolean }>
  startRestore(
    principal: Principal,
    request: {
      readonly backupId: BackupId
      readonly instanceId?: InstanceId | undefined
      readonly into: string
      readonly approval?: string
      readonly requestId: string
      readonly reason: string
    },
  ): Promise<{ readonly job: Job }>
  copyBackup(
    principal: Principal,
    request: {
      readonly backupId: BackupId
      readonly destination: string
      readonly requestId: string
      readonly reason: string
    },
  ): Promise<{ readonly job: Job; readonly existing: boolean }>
  verifyBackup(
    principal: Principal,
    request: { readonly backupId: BackupId; readonly requestId: string; readonly reason: string },
  ): Promise<{ readonly job: Job; readonly existing: boolean }>
  cancelJob(
    principal: Principal,
    request: { readonly jobId: JobId; readonly requestId: string; readonly reason: string },
  ): Promise<Job>
  ackAlert(principal: Principal, request: Asked & { readonly alert: string }): Promise<AlertRecord>
  silenceAlerts(
    principal: Principal,
    request: Asked & { readonly selector: Labels; readonly duration: number },
  ): Promise<{ readonly silence: SilenceRecord; readonly matches: number }>
  endSilence(principal: Principal, request: Asked & { readonly silenceId: SilenceId }): Promise<SilenceRecord>
  testAlertChannel(
    principal: Principal,
    request: Asked & { readonly channel: string },
    signal: AbortSignal,
  ): Promise<{ readonly delivered: boolean; readonly answer: string; readonly tookMs: number }>
  pause(
    principal: Principal,
    request: Asked & PauseSubject & { readonly duration?: Duration },
  ): Promise<PauseRecord>
  resume(principal: Principal, request: Asked & PauseSubject): Promise<PauseRecord>
  /** What is paused now; needs a leader. */
  pauses(): readonly PauseRecord[]
  /** What vanished since then is still within its time of grace. */
  goneSinceAtLeast(): Millis
  /** Why the policy that service meta names is not in effect for a database. */
  refusedWish(database: DatabaseRecord): string | undefined
  refusedWishesOf(clusterId: ClusterId): readonly string[]
  /** Database servers on agents' hosts that discovery does not show; none where nobody leads, or a source never answered. */
  unregistered(): readonly UnregisteredServer[]
  /** A copy missing since then or longer is a gap. */
  copiesMissingSinceAtMost(): Millis
  /** What is in force, with the databases each rule speaks of and what a look at it finds. */
  policies(): Promise<PoliciesView>
  effectivePolicy(database: DatabaseRecord): EffectivePolicy
  checkPolicies(text: string): Promise<PolicyCheck>
  applyPolicies(principal: Principal, request: ApplyRequest): Promise<Adopted>
  deleteBackup(
    principal: Principal,
    request: BackupAsked & Approvable & { readonly evenLastGood: boolean },
  ): Promise<void>
  holdBackup(principal: Principal, request: BackupAsked & { readonly until?: Millis }): Promise<void>
  releaseBackup(principal: Principal, request: BackupAsked & Approvable): Promise<void>
  releaseBrake(principal: Principal, request: Asked & Approvable): Promise<void>
  /** Why each backup of a database stays, and by which rule; undefined on a standby. */
  retained(database: DatabaseRecord): Promise<RetainedView | undefined>
  /** How long what nothing keeps waits until it goes. */
  retentionGrace(): Duration
  /** As the last look found it. */
  brake(): BrakeSeen | undefined
  setDraining(
    principal: Principal,
    request: Asked & { readonly agent: AgentRecord; readonly draining: boolean },
  ): Promise<void>
  /** Heads of the audit chain that lie in the bucket; undefined where none are kept. @throws AppError `audit.no-keeper` */
  auditAnchors(
    signal: AbortSignal,
  ): Promise<{ readonly destination: string; readonly anchors: readonly Anchor[] } | undefined>
  createToken(
    principal: Principal,
    request: TokenRequest,
  ): Promise<{ readonly token: TokenRecord; readonly secret: string }>
  revokeToken(
    principal: Principal,
    request: Asked & Approvable & { readonly token: string },
  ): Promise<TokenRecord>
  decideApproval(
    principal: Principal,
    request: Asked & { readonly approvalId: ApprovalId; readonly granted: boolean },
  ): Promise<ApprovalRecord>
  /** Open alerts that another one explains; empty on a standby. */
  explainedAlerts(): readonly AlertRecord[]
  now(): Millis
  /** The fleet as last committed, in memory; undefined on a standby. Its callers only read. */
  fleet(): FleetMap | undefined
  status(): Promise<Status>
  /** What the time ahead will bring, made in a thread; `whatIf` is the text of a what-if file. */
  forecast(
    request: {
      readonly from?: Millis
      readonly horizon: Duration
      readonly limit: number
      readonly whatIf: string
    },
    signal?: AbortSignal,
  ): Promise<PlanForecast>
  watchJob(jobId: JobId, signal: AbortSignal): AsyncIterable<JobView>
  jobView(jobId: JobId): Promise<JobView>
  progressOf(jobId: JobId): Progress | undefined
  liveAgents(): ReadonlyMap<AgentId, LiveAgent>
  liveAgent(id: AgentId): LiveAgent | undefined
  /** What agents have in hand and are reckoned with; empty on a standby. */
  agentWork(ids: readonly AgentId[]): ReadonlyMap<AgentId, AgentWork>
  discovery(): readonly SourceHealth[]
}

/** What the facade stands on. */
export interface OperationsDeps {
  readonly store: Store
  readonly clock: Clock
  readonly version: string
  readonly startedAt: Millis
  readonly discovery: DiscoveryHealth
  /** How long a server that vanished is a gap. */
  readonly goneGrace: Duration
  /** How long what nothing keeps waits until it goes. */
  readonly retentionGrace: Duration
  /** The term this process leads in now, if it does. */
  readonly term: () => Term | undefined
  /** Whether the process takes no new requests. */
  readonly draining: () => boolean
  /** Alert channels by name. */
  readonly notifiers: ReadonlyMap<string, Notifier>
}

/** Makes the facade. */
export function createOperations(deps: OperationsDeps): Operations {
  const { store, clock } = deps
  const led = (): Term => {
    if (deps.draining()) throw new AppError('coordinator.draining')
    const term = deps.term()
    if (term === undefined) throw new AppError('leader.none')
    return term
  }
  const live = (): ReadonlyMap<AgentId, LiveAgent> => {
    const term = deps.term()
    const now = clock.now()
    const views = new Map<AgentId, LiveAgent>()
    for (const id of term?.live.ids() ?? []) {
      const view = term?.live.view(id, now)
      if (view !== undefined) views.set(id, view)
    }
    return views
  }
  return {
    startBackup: async (principal, request) => startBackup(principal, request, led()),
    startRestore: async (principal, request) => startRestore(principal, request, led()),
    copyBackup: async (principal, request) => startCopy(principal, request, led()),
    verifyBackup: async (principal, request) => startVerification(principal, request, led()),
    cancelJob: async (principal, request) => cancelJob(principal, request, led()),
    ackAlert: async (principal, request) => ackAlert(principal, request, led()),
    silenceAlerts: async (principal, request) => silenceAlerts(principal, request, led()),
    pause: async (principal, request) => pause(principal, request, led()),
    resume: async (principal, request) => resume(principal, request, led()),
    pauses: () => led().pauses.holding(clock.now().wall),
    unregistered: () => {
      const term = deps.term()
      // what was not shown yet is not missing
      const all = deps.discovery.all()
      return term === undefined || all.some(each => each.lastOkAt === undefined)
        ? []
        : unregisteredServers(term)
    },
    refusedWish: database => {
      const term = deps.term()
      return term === undefined ? undefined : refusedWish(database, term)
    },
    refusedWishesOf: clusterId => {
      const term = deps.term()
      return term === undefined ? [] : refusedWishesOf(clusterId, term)
    },
    goneSinceAtLeast: () => clock.now().wall - deps.goneGrace,
    copiesMissingSinceAtMost: () => clock.now().wall - overdueAfter,
    policies: async () => viewPolicies(led()),
    effectivePolicy: database => effectivePolicyOf(database, led()),
    checkPolicies: async text => checkPolicies(text, led()),
    applyPolicies: async (principal, request) => applyPolicies(principal, request, led()),
    deleteBackup: async (principal, request) => deleteBackup(principal, request, led()),
    holdBackup: async (principal, request) => holdBackup(principal, request, led()),
    releaseBackup: async (principal, request) => releaseBackup(principal, request, led()),
    releaseBrake: async (principal, request) => releaseBrake(principal, request, led()),
    retained: async record => {
      const term = deps.term()
      if (term === undefined) return undefined
      const { state } = term.fleet.database(record.id) ?? {}
      const { policy, verdicts } = await retainedOf({ record, state }, clock.now().wall, term)
      return { rule: retentionText(policy), policy: policy?.name ?? '', verdicts }
    },
    retentionGrace: () => deps.retentionGrace,
    brake: () => deps.term()?.brake,
    setDraining: async (principal, request) => setDraining(principal, request, led()),
    endSilence: async (principal, request) => endSilence(principal, request, led()),
    createToken: async (principal, request) => createToken(principal, request, led()),
    revokeToken: async (principal, request) => revokeToken(principal, request, led()),
    decideApproval: async (principal, request) => decideApproval(principal, request, led()),
    testAlertChannel: async (principal, request, signal) =>
      testAlertChannel(principal, request, deps.notifiers, led(), signal),
    auditAnchors: async signal => {
      const term = led()
      return term.settings.anchors === undefined ? undefined : readAnchors(term, signal)
    },
    explainedAlerts: () =>
      [...(deps.term()?.alerts.all() ?? [])].filter(each => each.parentKey !== undefined),
    now: () => clock.now().wall,
    fleet: () => deps.term()?.fleet,
    status: async () => {
      const { wall: now, mono } = clock.now()
      const [aggregates, outbox] = await Promise.all([store.read.aggregates(now), store.read.outboxCounts()])
      const term = deps.term()
      const agents = term?.live.tally({ wall: now, mono }) ?? { connected: 0, silent: 0 }
      return {
        version: deps.version,
        startedAt: deps.startedAt,
        now,
        fleetId: store.fleetId,
        incarnation: store.incarnation,
        storeKind: store.kind,
        leader: term !== undefined,
        ...(term === undefined ? {} : { term: term.number }),
        agentsConnected: agents.connected,
        agentsSilent: agents.silent,
        aggregates,
        runs: term?.runs.total ?? { expected: 0, made: 0 },
        discovery: deps.discovery.all(),
        outbox,
      }
    },
    forecast: async ({ from = 0, whatIf, ...rest }, signal) => {
      const term = led()
      const now = clock.now().wall
      if (from !== 0 && from < now - pastSlack)
        throw new AppError('request.invalid', {
          message: 'at: is in the past; what was is in `job list`',
          context: { field: 'at', expected: 'a time within the next 7 days' },
        })
      if (from > now + furthest)
        throw new AppError('request.invalid', {
          message: 'at: is further ahead than can be told',
          context: { field: 'at', expected: 'a time within the next 7 days' },
        })
      return forecastPlan({ ...rest, from: Math.max(from, now), suppose: parseWhatIf(whatIf) }, term, signal)
    },
    watchJob: (jobId, signal) => {
      const term = led()
      return watchJob(jobId, store.read, term.views, signal, term.signal)
    },
    jobView: jobId => jobView(jobId, store.read, deps.term()?.views),
    progressOf: jobId => deps.term()?.views.progressOf(jobId),
    liveAgents: live,
    liveAgent: id => deps.term()?.live.view(id, clock.now()),
    agentWork: ids => {
      const term = deps.term()
      return term === undefined ? new Map() : agentWork(ids, term)
    },
    discovery: () => deps.discovery.all(),
  }
}
