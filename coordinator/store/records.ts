import type { Failure } from '../../shared/errors/index.ts'
import type { EngineKind, IdentityEvidence } from '../../shared/model/engine.ts'
import type {
  AgentId,
  AlertId,
  ApprovalId,
  AttemptId,
  BackupId,
  ClusterId,
  DatabaseId,
  InstanceId,
  JobId,
  SilenceId,
  TokenId,
} from '../../shared/model/identifiers.ts'
import type { OperatorRole } from '../../shared/model/role.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { JobKind } from '../jobs/job.ts'
import type { Sample } from '../trends/history.ts'
import type { Trend } from '../trends/trend.ts'

/** Evidence with when it was seen. */
export interface SeenEvidence extends IdentityEvidence {
  readonly firstSeenAt: Millis
  readonly lastSeenAt: Millis
}

export interface AgentRecord {
  readonly id: AgentId
  /** Random id of the agent's state folder: tells a cloned host. */
  readonly instanceUuid: string
  readonly bootId: string
  readonly hostname: string
  readonly nodeId: string
  readonly nodeName: string
  readonly addresses: readonly string[]
  readonly version: string
  readonly features: readonly string[]
  readonly tools: readonly { readonly name: string; readonly version: string; readonly path: string }[]
  readonly cores: number
  readonly memoryBytes: number
  readonly keeper: boolean
  readonly pool: boolean
  readonly clockOffsetMs: number
  readonly draining: boolean
  /** Names of the hooks its host has; absent from an agent that knows none. */
  readonly hooks?: readonly string[]
  /** Servers it can start and throw away; absent: it verifies nothing. */
  readonly verifyServers?: readonly VerifyServer[]
  readonly firstSeenAt: Millis
  /** Flushed every 30 s, not at every heartbeat. */
  readonly lastSeenAt: Millis
}

/** A server program of a host that a backup can be restored into. */
export interface VerifyServer {
  readonly engine: string
  readonly version: string
}

/** What a server is, as far as discovery tells; `unknown` is a gap. */
export type KnownEngine = EngineKind | 'unknown'

export interface ClusterRecord {
  readonly id: ClusterId
  readonly name: string
  readonly engine: KnownEngine
  readonly evidence: readonly SeenEvidence[]
  readonly hasGlobals: boolean
  readonly firstSeenAt: Millis
  readonly goneSince?: Millis
}

export interface InstanceRecord {
  readonly id: InstanceId
  readonly clusterId: ClusterId
  /** Unique: datacenter, namespace, node id, service id (or static name). */
  readonly discoveryKey: string
  readonly source: string
  readonly engine: KnownEngine
  readonly service: string
  readonly datacenter: string
  readonly nodeId: string
  readonly nodeName: string
  readonly nodeAddress: string
  readonly address: string
  readonly port: number
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  readonly agentId?: AgentId
  /** Gap reason code, absent when there is none. */
  readonly gap?: { readonly code: string; readonly detail: string; readonly since: Millis }
  readonly serverVersion?: string
  readonly role?: 'primary' | 'replica'
  readonly inventoriedAt?: Millis
  readonly inventoryFailure?: Failure
  readonly missingPrivileges: readonly string[]
  readonly firstSeenAt: Millis
  readonly lastSeenAt: Millis
  /** That it was found to belong to another cluster than the one it began in, and why. */
  readonly joined?: { readonly from: ClusterId; readonly because: string; readonly at: Millis }
  /** Tombstone: since when discovery no longer shows it. */
  readonly goneSince?: Millis
}

/** A database of a cluster, or the cluster's globals: what a backup is of. One row each. */
export interface DatabaseRecord {
  readonly id: DatabaseId
  readonly clusterId: ClusterId
  /** `cluster` is the row that stands for a cluster's globals; its name is empty. */
  readonly scope: 'database' | 'cluster'
  readonly name: string
  readonly sizeBytes: number
  readonly connectable: boolean
  readonly evidence: readonly SeenEvidence[]
  readonly firstSeenAt: Millis
  readonly lastSeenAt: Millis
  readonly goneSince?: Millis
}

export type ProtectionState = 'protected' | 'due' | 'at-risk' | 'breached' | 'unprotected'

/** What the writer keeps of a database, so that lists and clocks never scan history. */
export interface DatabaseStateRecord {
  readonly databaseId: DatabaseId
  readonly policyName?: string
  readonly rpoMs?: Duration
  /** When the RPO clock began for want of a backup: first seen. */
  readonly clockFrom: Millis
  readonly lastBackupId?: BackupId
  readonly lastDataAsOf?: Millis
  /** When the attempt that made the last backup was given out. */
  readonly lastAssignedAt?: Millis
  readonly lastRawBytes?: number
  readonly lastStoredBytes?: number
  readonly lastDurationMs?: Duration
  /** Of the last good backups, oldest first, ten at most: what is usual for this database. */
  readonly recentDurations?: readonly Duration[]
  readonly recentRawBytes?: readonly number[]
  readonly recentStoredBytes?: readonly number[]
  /** What its history says. */
  readonly trend?: Trend
  /** How long a backup might take under its policy at the last one; absent without a trend. */
  readonly allowedMs?: Duration
  /** When its backups will take longer than that, growing as they do; absent when that cannot be told. */
  readonly outgrowsAt?: Millis
  /** When good backups of the last day were true, and the last one before: what expected runs are counted from. */
  readonly recentGood?: readonly Millis[]
  readonly backups: number
  readonly nextDueAt?: Millis
  readonly openJobId?: JobId
  readonly consecutiveFailures: number
  /** When the first of them was; absent for those an earlier version counted. */
  readonly failingSince?: Millis
  readonly lastFailure?: Failure
  readonly protection: ProtectionState
  readonly reason: string
  readonly reasonDetail: string
  readonly since: Millis
  /** What restores showed of its backups; absent: none was tried. */
  readonly verification?: VerificationState
}

/** What is known of a backup once it was restored to be looked at. */
export const verdicts = ['verified', 'restored', 'differs', 'unrestorable'] as const
export type Verdict = (typeof verdicts)[number]

/** How the proof of a database's backups stands. */
export interface VerificationState {
  /** Since when its policy asks for it; absent: it does not. */
  readonly wantedSince?: Millis
  /** The last judgement of any of its backups. */
  readonly last?: { readonly at: Millis; readonly verdict: Verdict; readonly backupId: BackupId }
  /** The last one that was good: when, of what, and how long the restore took (the measured RTO). */
  readonly good?: {
    readonly at: Millis
    readonly verdict: Verdict
    readonly backupId: BackupId
    readonly dataAsOf: Millis
    readonly restoreMs: Duration
  }
  /** Backups found bad since then. */
  readonly bad?: {
    readonly since: Millis
    readonly count: number
    /** The newest of them. */
    readonly backupId: BackupId
    readonly dataAsOf: Millis
    readonly detail: string
  }
  /** Verifications that came to no judgement since then. */
  readonly failing?: { readonly since: Millis; readonly at: Millis; readonly failure: Failure }
  /** Why it stands in the ledger, if it does. */
  readonly gap?: { readonly reason: string; readonly detail: string; readonly since: Millis }
}

/** One judgement of one backup. */
export interface VerificationRecord {
  /** The attempt that made it. */
  readonly id: AttemptId
  readonly jobId: JobId
  readonly backupId: BackupId
  readonly databaseId: DatabaseId
  readonly clusterId: ClusterId
  readonly agentId: AgentId
  readonly subjectName: string
  readonly engine: EngineKind
  readonly at: Millis
  readonly verdict: Verdict
  readonly restoreMs: Duration
  readonly totalMs: Duration
  readonly serverVersion: string
  readonly tables: number
  readonly rows: number
  readonly rawBytes: number
  /** The first of what differs, one line each, and how many there are. */
  readonly differences: readonly string[]
  readonly differenceCount: number
  /** Why it could not be restored. */
  readonly failure?: Failure
}

/** Which judgements, newest first unless a stretch says otherwise. */
export interface VerificationFilter {
  readonly databaseId?: DatabaseId
  readonly clusterId?: ClusterId
  readonly backupId?: BackupId
  /** Of any of these; each is asked for apart, so there must be few of them. */
  readonly databaseIds?: readonly DatabaseId[]
  readonly clusterIds?: readonly ClusterId[]
  readonly verdict?: Verdict
}

/** Sizes and durations of a database's backups, thinned out: what its trend is judged by. */
export interface HistoryRecord {
  readonly databaseId: DatabaseId
  /** In order of time. */
  readonly samples: readonly Sample[]
}

/** What lists of trends are sorted by: the most first, of `outgrows` the soonest. */
export const trendOrders = ['size', 'stored', 'growth', 'duration', 'duration-growth', 'outgrows'] as const
export type TrendOrder = (typeof trendOrders)[number]

export interface AttemptRecord {
  readonly id: AttemptId
  readonly jobId: JobId
  readonly epoch: number
  readonly agentId: AgentId
  readonly bootId: string
  readonly assignedAt: Millis
  readonly startedAt?: Millis
  readonly endedAt?: Millis
  /** succeeded, failed, cancelled, lost, declined, superseded. */
  readonly outcome?: string
  readonly failure?: Failure
  /** Where its objects begin; known once the first upload opened. */
  readonly attemptPrefix?: string
  readonly destination?: string
  /** Other destinations it stores in as well. */
  readonly further?: readonly string[]
  /** What it took, of one that failed; a backup's stands in its manifest. */
  readonly observed?: AttemptObserved
  /** Hooks of its host that ran around it, in order. */
  readonly hooks?: readonly AttemptHook[]
}

/** One hook of a host that ran around an attempt. */
export interface AttemptHook {
  readonly name: string
  /** before, after, on_failure. */
  readonly moment: string
  /** succeeded, failed, timed-out, cancelled, refused. */
  readonly outcome: string
  readonly status?: number
  readonly durationMs: Duration
  /** Why it did not succeed; empty when it did. */
  readonly detail: string
}

/** What an attempt took, as its agent told; bytes and milliseconds. */
export interface AttemptObserved {
  readonly strategy: string
  readonly strategyReason: string
  /** Requests to stores that were tried again. */
  readonly retries: number
  readonly agentPeakRssBytes: number
  readonly childrenPeakRssBytes: number
  readonly durationMs: number
  /** How long it stood back behind its host's own work. */
  readonly yieldedMs?: number
}

export interface BackupRecord {
  readonly id: BackupId
  readonly scope: 'database' | 'cluster'
  readonly clusterId: ClusterId
  readonly databaseIds: readonly DatabaseId[]
  readonly subjectName: string
  readonly engine: EngineKind
  readonly serverVersion: string
  readonly jobId?: JobId
  readonly attemptId: AttemptId
  readonly agentId: AgentId
  readonly dataAsOf: Millis
  readonly startedAt: Millis
  readonly committedAt: Millis
  readonly recordedAt: Millis
  readonly rawBytes: number
  readonly storedBytes: number
  readonly backupClass: string
  readonly surplus: boolean
  readonly manifest: Uint8Array
  readonly manifestSha256: string
  readonly copies: readonly CopyRecord[]
  readonly hold?: BackupHold
  /** Since when nothing keeps it any more, and what the rule was then. */
  readonly expiry?: { readonly since: Millis; readonly rule: string }
  /** It is being deleted: no backup any more, whatever of it still lies there. */
  readonly deletion?: BackupDeletion
  /** What its last restore to be looked at showed; absent: nobody tried. */
  readonly verification?: BackupVerification
}

/** What the last verification of a backup came to. */
export interface BackupVerification {
  readonly at: Millis
  readonly verdict: Verdict
  readonly restoreMs: Duration
  /** What differs, or why it could not be restored; empty of a good one. */
  readonly detail: string
}

/** Somebody wants a backup kept, whatever any rule says. */
export interface BackupHold {
  readonly by: string
  readonly at: Millis
  readonly reason: string
  /** When it is over by itself; absent: when somebody releases it. */
  readonly until?: Millis
}

/** Who lets a backup go, and how far that is. */
export interface BackupDeletion {
  readonly since: Millis
  readonly by: string
  readonly reason: string
  /** What the retention rule was; empty: a person asked for it. */
  readonly rule: string
  /** When a keeper was first allowed to remove anything of it: from then on there is no way back. */
  readonly begunAt?: Millis
  /** A person let it go although it was the last good one. */
  readonly evenLast?: true
  /** The job of each destination that is at work on it, or was the last time. */
  readonly jobs: Readonly<Record<string, JobId>>
}

/** What is remembered of a backup that was deleted. */
export interface DeletedBackupRecord extends Omit<BackupRecord, 'manifest' | 'copies'> {
  readonly deletedAt: Millis
  readonly deletion: BackupDeletion
  /** Destinations that left the configuration before: what lies there is nobody's to delete. */
  readonly leftBehind: readonly string[]
}

/** An operator let go what had expired by then, although it is more than usual. */
export interface BrakeRelease {
  readonly at: Millis
  readonly by: string
  readonly reason: string
}

/** One destination's copy of a backup: there, or asked for and not there. */
export type CopyRecord = PresentCopy | MissingCopy

/** A copy whose manifest was read back. */
export interface PresentCopy {
  readonly destination: string
  readonly url: string
  readonly manifestKey: string
  readonly state: 'present'
  /** When its manifest was last read back; absent for what an earlier version recorded. */
  readonly verifiedAt?: Millis
}

/** A copy that a policy asks for and that is not there. */
export interface MissingCopy {
  readonly destination: string
  readonly url: string
  readonly manifestKey: string
  /** `copying` while a job is at work on it, `failed` when the last one failed. */
  readonly state: 'missing' | 'copying' | 'failed'
  readonly since: Millis
  /** Not tried again before. */
  readonly nextAt: Millis
  readonly jobId?: JobId
  /** Why it is not there. */
  readonly failure?: Failure
}

/** What lies in a bucket without belonging to a backup, and who must remove it. */
export interface DebrisRecord {
  readonly attemptId: AttemptId
  readonly destination: string
  readonly attemptPrefix: string
  readonly keys: readonly string[]
  readonly foundAt: Millis
  readonly deleteJobId?: JobId
  /** Other destinations to be looked after when this one is done. */
  readonly further?: readonly string[]
}

/** One decision about a job with its reasons: what `job explain` prints. */
export interface DecisionRecord {
  readonly jobId: JobId
  readonly at: Millis
  readonly kind: string
  readonly subject: string
  readonly code: string
  readonly text: string
  readonly numbers: Readonly<Record<string, number>>
}

/** What something is about, by the keys of a selector: `datacenter`, `service`, `engine`, `database`, `host`, `destination`. */
export type Labels = Readonly<Record<string, readonly string[]>>

export interface AlertRecord {
  readonly id: AlertId
  /** One open alert per key. */
  readonly dedupKey: string
  readonly kind: string
  readonly severity: 'info' | 'warning' | 'critical'
  readonly summary: string
  readonly facts: Readonly<Record<string, string>>
  readonly state: 'open' | 'resolved'
  readonly openedAt: Millis
  readonly resolvedAt?: Millis
  /** When its fact was last stated. */
  readonly lastSeenAt?: Millis
  readonly labels?: Labels
  /** Dedup keys that explain it: any list all of whose alerts are open. */
  readonly causes?: readonly (readonly string[])[]
  /** The open alert that explains it; people are told of that one. */
  readonly parentKey?: string
  /** Nobody is told before. */
  readonly heldUntil?: Millis
  /** When telling is thought about again: a hold, a silence, quiet hours, a reminder. */
  readonly lookAt?: Millis
  /** Channels that were told. */
  readonly channels?: readonly string[]
  readonly toldAt?: Millis
  /** How bad it was when people were last told. */
  readonly toldSeverity?: 'info' | 'warning' | 'critical'
  /** How many it explained then. */
  readonly toldMembers?: number
  /** Messages after the first, for their idempotency keys. */
  readonly tellings?: number
  readonly ack?: { readonly by: string; readonly at: Millis; readonly reason: string }
  /** When it opened lately, itself included: a key that comes and goes is flapping. */
  readonly openings?: readonly Millis[]
  /** A flapping alert whose fact has turned since; resolved when that lasts. */
  readonly calmSince?: Millis
}

/** Alerts that a person does not want to be told of for a while. */
export interface SilenceRecord {
  readonly id: SilenceId
  /** Key to patterns with `*`: labels, `kind`, `alert` (an id), `severity`. All keys must match. */
  readonly selector: Labels
  readonly reason: string
  readonly by: string
  readonly createdAt: Millis
  readonly endsAt: Millis
}

/** What a message says: `updated` and `reminder` follow an `opened`; a `notice` stands alone. */
export type AlertEvent = 'opened' | 'updated' | 'reminder' | 'resolved' | 'notice'

/** One message to one channel. Delivered at least once, with the same idempotency key each time. */
export interface OutboxRecord {
  readonly id: number
  readonly alertId: AlertId
  readonly dedupKey: string
  readonly channel: string
  readonly event: AlertEvent
  readonly idempotencyKey: string
  /** JSON. */
  readonly payload: string
  readonly createdAt: Millis
  readonly attempts: number
  readonly nextAttemptAt: Millis
  readonly state: 'pending' | 'delivered' | 'cancelled' | 'dead'
  readonly lastError?: string
}

/** A one-time token with which a host joins. */
export interface JoinTokenRecord {
  /** SHA-256 of its secret, hex; the secret is kept nowhere. */
  readonly hash: string
  /** The only host that may use it; absent: any. */
  readonly host?: string
  readonly by: string
  readonly createdAt: Millis
  readonly expiresAt: Millis
  /** Who used it, with which key: the same key may ask again when the answer was lost. */
  readonly used?: { readonly at: Millis; readonly agentId: AgentId; readonly keyId: string }
}

/** A public key that was certified, here or by a PKI of somebody else's: kept for good, since signatures of manifests are judged by it. */
export interface CertifiedKeyRecord {
  /** SHA-256 of the key (SPKI, DER), hex. */
  readonly keyId: string
  readonly agentId: AgentId
  readonly hostname: string
  /** SPKI, DER, base64. */
  readonly publicKey: string
  /** From the first certificate until the end of the last. */
  readonly notBefore: Millis
  readonly notAfter: Millis
  /** Or, when `shown`, first seen. */
  readonly certifiedAt: Millis
  readonly revokedAt?: Millis
  /** When its agent last connected with it, to a day; absent: not since that is written down. */
  readonly lastSeenAt?: Millis
  /** It was certified elsewhere and is known since its agent connected with it. */
  readonly shown?: boolean
}

/** An agent that is refused from then on, whatever it shows. */
export interface RevocationRecord {
  readonly agentId: AgentId
  readonly at: Millis
  readonly by: string
  readonly reason: string
}

/** What a pause holds back. */
export const pauseScopes = ['database', 'host', 'site', 'fleet'] as const
export type PauseScope = (typeof pauseScopes)[number]

/** Scheduled backups of these do not start until it is resumed, or its time is over. */
export interface PauseRecord {
  /** Scope and subject: there is one pause of each. */
  readonly key: string
  readonly scope: PauseScope
  /** Database id, hostname, datacenter; empty for the fleet. */
  readonly subject: string
  /** As people name it. */
  readonly name: string
  readonly reason: string
  readonly by: string
  readonly since: Millis
  /** When it is over by itself; absent: when somebody says so. */
  readonly until?: Millis
}

/** Where the policies in force come from (ADR 0200): one place at a time. */
export const policyHomes = ['configuration', 'applied', 'file', 'consul'] as const
export type PolicyHome = (typeof policyHomes)[number]

/** A text that policies had. Numbers have no gaps. */
export interface PolicyRevision {
  readonly revision: number
  readonly home: PolicyHome
  readonly at: Millis
  readonly by: string
  readonly reason: string
  /** YAML, as it was given; of the configuration as it is shown. */
  readonly text: string
}

/** A token an operator shows. Of the secret only its hash is kept. */
export interface TokenRecord {
  readonly id: TokenId
  /** Whose it is. Several of one name are one person's. */
  readonly name: string
  readonly role: OperatorRole
  /** SHA-256 of the secret, hex; of a certificate `certificate:` and the SHA-256 of its key. */
  readonly hash: string
  /** It is a certificate that was issued here, not a secret. */
  readonly certificate?: boolean
  /** What it sees and touches; absent: the whole fleet. */
  readonly selector?: Labels
  readonly reason: string
  readonly by: string
  readonly createdAt: Millis
  readonly expiresAt: Millis
  readonly revokedAt?: Millis
  readonly revokedBy?: string
}

/** Somebody asked for what takes a second person. */
export interface ApprovalRecord {
  readonly id: ApprovalId
  /** One of the acts that configuration may put under approval. */
  readonly act: string
  /** What is asked for, as people read it. */
  readonly summary: string
  /** The request itself, as JSON: what is granted is this and nothing else. */
  readonly question: string
  readonly reason: string
  readonly askedBy: string
  readonly askedAt: Millis
  /** Neither granted nor used afterwards. */
  readonly expiresAt: Millis
  readonly state: 'pending' | 'granted' | 'denied' | 'used'
  readonly decidedBy?: string
  readonly decidedAt?: Millis
  readonly decision?: string
  readonly usedAt?: Millis
}

/** What goes into the audit; `seq`, `prev_hash` and `hash` are the chain's to give. */
export interface AuditEntry {
  readonly at: Millis
  readonly class: 'history' | 'security'
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly reason: string
  readonly detail: Readonly<Record<string, string | number | boolean>>
}

export interface AuditRecord extends AuditEntry {
  readonly seq: number
  readonly prevHash: string
  readonly hash: string
}

/** Counters kept by the writer for `status` and metrics; names such as `jobs.succeeded.backup`. */
export type CounterName = string

/** The catalog entry of a job as lists show it. */
export interface JobFilter {
  readonly state?: string
  readonly open?: boolean
  readonly kind?: JobKind
  readonly databaseId?: DatabaseId
  readonly clusterId?: ClusterId
  /** Of any of these; each is asked for apart, so there must be few of them. */
  readonly databaseIds?: readonly DatabaseId[]
  readonly clusterIds?: readonly ClusterId[]
}

/** What backups may be sorted by beside time: the most first. */
export const backupOrders = ['size', 'duration'] as const
export type BackupOrder = (typeof backupOrders)[number]

/** Which backups, and in which order; newest first when neither this nor a stretch says another. */
export interface BackupFilter {
  readonly databaseId?: DatabaseId
  readonly clusterId?: ClusterId
  /** Of any of these; each is asked for apart, so there must be few of them. */
  readonly databaseIds?: readonly DatabaseId[]
  readonly clusterIds?: readonly ClusterId[]
  readonly order?: BackupOrder
}
