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
import type { Millis } from '../../shared/time/index.ts'
import type { Job, JobKind } from '../jobs/job.ts'
import type { DestinationDay } from '../trends/destination.ts'
import type {
  AgentRecord,
  AlertRecord,
  ApprovalRecord,
  AttemptRecord,
  AuditEntry,
  AuditRecord,
  BackupFilter,
  BackupRecord,
  BrakeRelease,
  CertifiedKeyRecord,
  ClusterRecord,
  CopyRecord,
  DatabaseRecord,
  DatabaseStateRecord,
  DebrisRecord,
  DecisionRecord,
  DeletedBackupRecord,
  HistoryRecord,
  InstanceRecord,
  JobFilter,
  JoinTokenRecord,
  MissingCopy,
  OutboxRecord,
  PauseRecord,
  PolicyRevision,
  RevocationRecord,
  SilenceRecord,
  TokenRecord,
  TrendOrder,
  VerificationFilter,
  VerificationRecord,
} from './records.ts'

/**
 * The store port (architecture §12). One writer with group commit: steps queue up, are applied in one fenced
 * transaction, and their effects are released after the commit, in order. Nothing hands out the database
 * itself: a query beside an open transaction would wait for it for ever.
 */
export interface Store {
  readonly kind: 'sqlite' | 'postgres'
  /** New at init and at every restore of the store. */
  readonly incarnation: string
  readonly fleetId: string
  readonly leadership: Leadership

  /**
   * Runs `step` in the writer's next transaction. Resolves after the commit with what the step returned;
   * rejects with what it threw (its own writes undone, the others of the batch kept), `leader.deposed` or
   * `store.unavailable`. A step awaits nothing but `tx`. `label` is for metrics.
   */
  write<T>(label: string, step: (tx: WriteTx) => Promise<T>): Promise<T>

  readonly read: ReadModel

  /** Resolves when all queued steps are committed. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** Who leads. The same row and code on both databases; on SQLite the file lock makes the holder sole. */
export interface Leadership {
  /** The term this process holds, or undefined while it stands by. */
  readonly term: number | undefined
  /** Tries to become leader: takes the row when nobody renewed it for `staleAfterMs`. */
  tryAcquire(holder: string, staleAfterMs: number): Promise<number | undefined>
  /** Renews; `false` when somebody else leads: then this process must stop speaking at once. */
  renew(): Promise<boolean>
  /** Gives the row back, so that another need not wait. */
  release(): Promise<void>
}

/** All a step may touch. Every method is part of the transaction. */
export interface WriteTx {
  readonly jobs: {
    get(id: JobId): Promise<Job | undefined>
    /** J9: when an open job of the same kind, subject and slot exists, that one comes back, `inserted: false`. */
    insert(job: Job): Promise<{ readonly job: Job; readonly inserted: boolean }>
    update(job: Job): Promise<void>
    /** The open job of a kind for a subject, whatever its slot. */
    openFor(kind: JobKind, subjectKey: string): Promise<Job | undefined>
  }
  readonly attempts: {
    insert(attempt: AttemptRecord): Promise<void>
    get(id: AttemptId): Promise<AttemptRecord | undefined>
    update(attempt: AttemptRecord): Promise<void>
  }
  readonly decisions: { append(decisions: readonly DecisionRecord[]): Promise<void> }
  readonly agents: {
    get(id: AgentId): Promise<AgentRecord | undefined>
    put(agent: AgentRecord): Promise<void>
    /** One statement for many; heartbeats write nothing else. */
    touch(seen: ReadonlyMap<AgentId, Millis>): Promise<void>
  }
  readonly clusters: {
    get(id: ClusterId): Promise<ClusterRecord | undefined>
    put(cluster: ClusterRecord): Promise<void>
  }
  readonly instances: {
    get(id: InstanceId): Promise<InstanceRecord | undefined>
    byDiscoveryKey(key: string): Promise<InstanceRecord | undefined>
    ofSource(source: string): Promise<readonly InstanceRecord[]>
    put(instance: InstanceRecord): Promise<void>
  }
  readonly databases: {
    get(id: DatabaseId): Promise<DatabaseRecord | undefined>
    ofCluster(id: ClusterId): Promise<readonly DatabaseRecord[]>
    put(database: DatabaseRecord): Promise<void>
    state(id: DatabaseId): Promise<DatabaseStateRecord | undefined>
    putState(state: DatabaseStateRecord): Promise<void>
    history(id: DatabaseId): Promise<HistoryRecord | undefined>
    putHistory(history: HistoryRecord): Promise<void>
  }
  readonly backups: {
    get(id: BackupId): Promise<BackupRecord | undefined>
    byAttempt(id: AttemptId): Promise<BackupRecord | undefined>
    insert(backup: BackupRecord): Promise<void>
    /** Writes down what is known of one copy, whatever was known before. */
    putCopy(id: BackupId, copy: CopyRecord): Promise<void>
    removeCopy(id: BackupId, destination: string): Promise<void>
    /** The newest of a database, by commit, without their manifests. */
    newestOf(id: DatabaseId, limit: number): Promise<readonly BackupRecord[]>
    /**
     * Hold, expiry and deletion as they are now, and when its data was true, where a clock that was wrong had said
     * otherwise; nothing else of a backup ever changes.
     */
    keep(backup: BackupRecord): Promise<void>
    /** It is gone: from then on only its tombstone tells of it. */
    bury(tombstone: DeletedBackupRecord): Promise<void>
    buriedByAttempt(id: AttemptId): Promise<DeletedBackupRecord | undefined>
  }
  readonly verifications: {
    /** One for each attempt; the same again changes nothing. */
    append(verification: VerificationRecord): Promise<void>
  }
  readonly brakeReleases: { append(release: BrakeRelease): Promise<void> }
  readonly debris: {
    put(debris: DebrisRecord): Promise<void>
    get(attemptId: AttemptId): Promise<DebrisRecord | undefined>
    remove(attemptId: AttemptId): Promise<void>
    ofJob(deleteJobId: JobId): Promise<readonly DebrisRecord[]>
  }
  readonly alerts: {
    openByKey(dedupKey: string): Promise<AlertRecord | undefined>
    /** The newest of a key, open or not. */
    latestByKey(dedupKey: string): Promise<AlertRecord | undefined>
    get(id: AlertId): Promise<AlertRecord | undefined>
    put(alert: AlertRecord): Promise<void>
  }
  readonly outbox: {
    enqueue(message: Omit<OutboxRecord, 'id' | 'attempts' | 'state'>): Promise<void>
    /** The undelivered `opened` of an alert on a channel, for cancelling out with its `resolved`. */
    pendingOpened(alertId: AlertId, channel: string): Promise<OutboxRecord | undefined>
    /** All undelivered messages of an alert, oldest first. */
    pendingOf(alertId: AlertId): Promise<readonly OutboxRecord[]>
    put(message: OutboxRecord): Promise<void>
  }
  readonly silences: {
    get(id: SilenceId): Promise<SilenceRecord | undefined>
    put(silence: SilenceRecord): Promise<void>
  }
  readonly pauses: {
    get(key: string): Promise<PauseRecord | undefined>
    put(pause: PauseRecord): Promise<void>
    remove(key: string): Promise<void>
  }
  readonly policyRevisions: {
    latest(): Promise<PolicyRevision | undefined>
    /** A number that is taken is `conflict`. */
    append(revision: PolicyRevision): Promise<void>
  }
  readonly tokens: {
    get(id: TokenId): Promise<TokenRecord | undefined>
    put(token: TokenRecord): Promise<void>
  }
  readonly approvals: {
    get(id: ApprovalId): Promise<ApprovalRecord | undefined>
    /** Those nobody has decided, the oldest first, expired ones included. */
    pending(): Promise<readonly ApprovalRecord[]>
    put(approval: ApprovalRecord): Promise<void>
  }
  readonly identities: {
    joinToken(hash: string): Promise<JoinTokenRecord | undefined>
    putJoinToken(token: JoinTokenRecord): Promise<void>
    key(keyId: string): Promise<CertifiedKeyRecord | undefined>
    keysOf(agentId: AgentId): Promise<readonly CertifiedKeyRecord[]>
    putKey(key: CertifiedKeyRecord): Promise<void>
    revocation(agentId: AgentId): Promise<RevocationRecord | undefined>
    putRevocation(revocation: RevocationRecord): Promise<void>
  }
  readonly audit: { append(entry: AuditEntry): Promise<AuditRecord> }
  readonly requests: {
    /** The answer given to a request id before, as JSON. */
    get(requestId: string): Promise<string | undefined>
    put(requestId: string, at: Millis, answer: string): Promise<void>
  }
  readonly results: {
    /** Whether a result was recorded already, and with which disposition. */
    get(resultId: string): Promise<string | undefined>
    put(resultId: string, at: Millis, disposition: string): Promise<void>
  }
  readonly counters: { add(name: string, by: number): Promise<void> }
  /**
   * Removes what only its time keeps: at most `limit` rows (1,000 at most) a call; a caller goes on while as many
   * were removed as asked for. Jobs, attempts, backups, audit and alerts have no door here.
   */
  readonly prune: {
    requests(options: Prune): Promise<number>
    results(options: Prune): Promise<number>
    /** Messages delivered or cancelled whose last attempt was due before then. */
    outbox(options: Prune): Promise<number>
    /**
     * Decisions about jobs that ended before then: looks at `limit` rows after `after` and says where to go on;
     * `next` is absent once the rows are younger than that.
     */
    decisions(
      options: Prune & { readonly after?: number },
    ): Promise<{ readonly removed: number; readonly next?: number }>
  }
  /** Runs after the commit, in the order registered; never when the step was undone. */
  afterCommit(effect: () => void): void
}

/** A database with where it is going. */
export interface DatabaseTrend {
  readonly database: DatabaseRecord
  readonly state: DatabaseStateRecord
  readonly history: HistoryRecord
}

/** A backup without its manifest, and one copy that it lacks. */
export interface LackingBackup {
  readonly backup: Omit<BackupRecord, 'manifest' | 'copies'>
  readonly copy: MissingCopy
}

/** What is older, and how much of it at a time. */
export interface Prune {
  readonly before: Millis
  readonly limit: number
}

/** A page of a list in key order (keyset, never offset). `next` is opaque; absent on the last page. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string
}

/** `size` is capped by the store (1,000). `after` is a former page's `next`; garbage is `page-token.invalid`. */
export interface PageRequest {
  readonly size: number
  readonly after?: string
}

/** Reads on a connection of their own; they see what is committed and block no writer. */
export interface ReadModel {
  job(id: JobId): Promise<Job | undefined>
  jobs(page: PageRequest, filter: JobFilter & Stretch): Promise<Page<Job>>
  /** Every job that is not ended; the leader loads them at start. */
  openJobs(): Promise<readonly Job[]>
  attempts(jobId: JobId): Promise<readonly AttemptRecord[]>
  attempt(id: AttemptId): Promise<AttemptRecord | undefined>
  decisions(jobId: JobId): Promise<readonly DecisionRecord[]>
  agent(id: AgentId): Promise<AgentRecord | undefined>
  agents(page: PageRequest): Promise<Page<AgentRecord>>
  cluster(id: ClusterId): Promise<ClusterRecord | undefined>
  clusters(page: PageRequest): Promise<Page<ClusterRecord>>
  instance(id: InstanceId): Promise<InstanceRecord | undefined>
  instances(
    page: PageRequest,
    filter: { readonly gone?: boolean; readonly clusterId?: ClusterId; readonly agentId?: AgentId },
  ): Promise<Page<InstanceRecord>>
  database(id: DatabaseId): Promise<DatabaseRecord | undefined>
  databases(
    page: PageRequest,
    filter: {
      readonly name?: string
      readonly clusterId?: ClusterId
      readonly protection?: string
      readonly gone?: boolean
    },
  ): Promise<Page<{ readonly database: DatabaseRecord; readonly state?: DatabaseStateRecord }>>
  databaseState(id: DatabaseId): Promise<DatabaseStateRecord | undefined>
  databaseHistory(id: DatabaseId): Promise<HistoryRecord | undefined>
  /** Databases that have a trend, gone ones left out, each with its history. */
  trends(page: PageRequest, order: TrendOrder): Promise<Page<DatabaseTrend>>
  /** How many databases, globals and tombstones left out, each of at most a page of clusters has. */
  databasesIn(clusters: readonly ClusterId[]): Promise<ReadonlyMap<ClusterId, number>>
  /** How many instances, tombstones left out, each of at most a page of agents answers for. */
  instancesOf(agents: readonly AgentId[]): Promise<ReadonlyMap<AgentId, number>>
  backup(id: BackupId): Promise<BackupRecord | undefined>
  /** Newest first; `manifest` is left empty in lists. */
  backups(page: PageRequest, filter: BackupFilter & Stretch): Promise<Page<BackupRecord>>
  /** Backups that nothing keeps, or that are being deleted, the longest first; without manifests. */
  leavingBackups(page: PageRequest, how: 'expired' | 'deleting'): Promise<Page<BackupRecord>>
  /** How many there are of each. */
  leavingCounts(): Promise<ReadonlyMap<string, number>>
  deletedBackup(id: BackupId): Promise<DeletedBackupRecord | undefined>
  /** Newest deletion first. */
  deletedBackups(
    page: PageRequest,
    filter: { readonly databaseId?: DatabaseId },
  ): Promise<Page<DeletedBackupRecord>>
  /** Newest first. */
  verifications(page: PageRequest, filter: VerificationFilter & Stretch): Promise<Page<VerificationRecord>>
  /** Databases that stand in the ledger for want of a proof that their backups can be restored, by id. */
  verificationGaps(
    page: PageRequest,
  ): Promise<Page<{ readonly database: DatabaseRecord; readonly state: DatabaseStateRecord }>>
  lastBrakeRelease(): Promise<BrakeRelease | undefined>
  /** What came to each destination, or went, by day; few rows a day. */
  destinationDays(): Promise<ReadonlyMap<string, readonly DestinationDay[]>>
  /** Copies that are asked for and not there, the longest missing first, with their backups. */
  missingCopies(limit: number): Promise<readonly LackingBackup[]>
  /** Those missing since then or longer, the longest missing first, a page at a time. */
  copiesMissingSince(page: PageRequest, atMost: Millis): Promise<Page<LackingBackup>>
  /** How many there are of them, by state. */
  missingCounts(): Promise<ReadonlyMap<string, number>>
  debris(): Promise<readonly DebrisRecord[]>
  alerts(
    page: PageRequest,
    filter: {
      readonly state?: 'open' | 'resolved'
      /** Only those that hold one of each of these texts, case aside: what does not is not even read. */
      readonly texts?: readonly (readonly string[])[]
    } & Stretch,
  ): Promise<Page<AlertRecord>>
  alert(id: AlertId): Promise<AlertRecord | undefined>
  openAlerts(): Promise<readonly AlertRecord[]>
  /** Silences that end after then, the next to end first. */
  silences(endAfter: Millis): Promise<readonly SilenceRecord[]>
  joinToken(hash: string): Promise<JoinTokenRecord | undefined>
  /** A key that was ever certified, revoked or not. */
  certifiedKey(keyId: string): Promise<CertifiedKeyRecord | undefined>
  certifiedKeysOf(agentId: AgentId): Promise<readonly CertifiedKeyRecord[]>
  /** Keys certified for a host of that name, at most a thousand. Looks through all keys: for people, not for loops. */
  certifiedKeysOfHost(hostname: string): Promise<readonly CertifiedKeyRecord[]>
  /** Every agent that is refused. */
  revocations(): Promise<readonly RevocationRecord[]>
  /** Every pause, those whose time is over included. */
  pauses(): Promise<readonly PauseRecord[]>
  /** A text that policies had: of a revision, else the last one that is written down. */
  policyRevision(revision?: number): Promise<PolicyRevision | undefined>
  /** Every token there ever was, newest first. */
  tokens(page: PageRequest): Promise<Page<TokenRecord>>
  /** Those neither expired nor revoked, and revoked certificates until they expire. */
  liveTokens(at: Millis): Promise<readonly TokenRecord[]>
  /** Newest first. */
  approvals(
    page: PageRequest,
    filter: { readonly state?: ApprovalRecord['state'] },
  ): Promise<Page<ApprovalRecord>>
  /** Due messages in order, at most one per (dedup key, channel): the oldest undelivered. `except` names channels to leave out. */
  outboxDue(now: Millis, limit: number, except?: readonly string[]): Promise<readonly OutboxRecord[]>
  outboxCounts(): Promise<{ readonly pending: number; readonly dead: number }>
  outboxOf(alertId: AlertId): Promise<readonly OutboxRecord[]>
  audit(page: PageRequest, filter: AuditFilter): Promise<Page<AuditRecord>>
  /** Rows in chain order from `afterSeq`, for verifying. */
  auditFrom(afterSeq: number, limit: number): Promise<readonly AuditRecord[]>
  /** How many rows were ever appended, counted apart from the rows: tells a chain whose end was cut off. */
  auditTotal(): Promise<number>
  counters(): Promise<ReadonlyMap<string, number>>
  /** Aggregates kept or counted cheaply: databases by protection state, jobs by state, backups, stored bytes. */
  aggregates(now: Millis): Promise<Aggregates>
}

/** A stretch of time of a list, by the time it is in order of, and from which end. */
export interface Stretch {
  /** From then on. */
  readonly since?: Millis
  /** Before then. */
  readonly until?: Millis
  /** Newest first when absent. */
  readonly oldestFirst?: boolean
}

/** Which events of the audit, and from which end. */
export interface AuditFilter {
  readonly actor?: string
  readonly action?: string
  readonly subject?: string
  /** From then on; with it or `until` events are in the order of their time, else in that of the chain. */
  readonly since?: Millis
  /** Before then. */
  readonly until?: Millis
  /** Newest first when absent. */
  readonly oldestFirst?: boolean
}

/** What `status` and `/metrics` show. */
export interface Aggregates {
  readonly instances: number
  readonly databases: number
  readonly protection: Readonly<Record<string, number>>
  readonly jobs: Readonly<Record<string, number>>
  readonly backups: number
  readonly storedBytes: number
  readonly succeeded24h: number
  readonly failed24h: number
}
