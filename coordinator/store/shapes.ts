import type { Job } from '../jobs/job.ts'
import { decoder } from './decode.ts'
import type {
  AgentRecord,
  AlertRecord,
  ApprovalRecord,
  AttemptRecord,
  BackupRecord,
  BrakeRelease,
  CertifiedKeyRecord,
  ClusterRecord,
  DatabaseRecord,
  DatabaseStateRecord,
  DebrisRecord,
  DecisionRecord,
  DeletedBackupRecord,
  HistoryRecord,
  InstanceRecord,
  JoinTokenRecord,
  MissingCopy,
  OutboxRecord,
  PauseRecord,
  PolicyRevision,
  RevocationRecord,
  SilenceRecord,
  TokenRecord,
  VerificationRecord,
} from './records.ts'

export const decodeJob = decoder<Job>('jobs', {
  id: 'text',
  kind: 'text',
  subject: 'object',
  dueSlot: 'text',
  dueAt: 'number',
  createdAt: 'number',
  origin: 'text',
  requestedBy: 'object',
  reason: 'text',
  policy: 'object?',
  order: 'object',
  retry: 'object',
  epoch: 'number',
  attempts: 'number',
  state: 'object',
})

export const decodeAttempt = decoder<AttemptRecord>('attempts', {
  id: 'text',
  jobId: 'text',
  epoch: 'number',
  agentId: 'text',
  bootId: 'text',
  assignedAt: 'number',
  startedAt: 'number?',
  endedAt: 'number?',
  outcome: 'text?',
  failure: 'object?',
  attemptPrefix: 'text?',
  destination: 'text?',
  further: 'list?',
  observed: 'object?',
  hooks: 'list?',
})

export const decodeDecision = decoder<DecisionRecord>('decisions', {
  jobId: 'text',
  at: 'number',
  kind: 'text',
  subject: 'text',
  code: 'text',
  text: 'text',
  numbers: 'object',
})

export const decodeAgent = decoder<AgentRecord>('agents', {
  id: 'text',
  instanceUuid: 'text',
  bootId: 'text',
  hostname: 'text',
  nodeId: 'text',
  nodeName: 'text',
  addresses: 'list',
  version: 'text',
  features: 'list',
  tools: 'list',
  cores: 'number',
  memoryBytes: 'number',
  keeper: 'flag',
  pool: 'flag',
  clockOffsetMs: 'number',
  draining: 'flag',
  hooks: 'list?',
  verifyServers: 'list?',
  firstSeenAt: 'number',
  lastSeenAt: 'number',
})

export const decodeCluster = decoder<ClusterRecord>('clusters', {
  id: 'text',
  name: 'text',
  engine: 'text',
  evidence: 'list',
  hasGlobals: 'flag',
  firstSeenAt: 'number',
  goneSince: 'number?',
})

export const decodeInstance = decoder<InstanceRecord>('instances', {
  id: 'text',
  clusterId: 'text',
  discoveryKey: 'text',
  source: 'text',
  engine: 'text',
  service: 'text',
  datacenter: 'text',
  nodeId: 'text',
  nodeName: 'text',
  nodeAddress: 'text',
  address: 'text',
  port: 'number',
  tags: 'list',
  meta: 'object',
  agentId: 'text?',
  gap: 'object?',
  serverVersion: 'text?',
  role: 'text?',
  inventoriedAt: 'number?',
  inventoryFailure: 'object?',
  missingPrivileges: 'list',
  firstSeenAt: 'number',
  lastSeenAt: 'number',
  joined: 'object?',
  goneSince: 'number?',
})

export const decodeDatabase = decoder<DatabaseRecord>('databases', {
  id: 'text',
  clusterId: 'text',
  scope: 'text',
  name: 'text',
  sizeBytes: 'number',
  connectable: 'flag',
  evidence: 'list',
  firstSeenAt: 'number',
  lastSeenAt: 'number',
  goneSince: 'number?',
})

export const decodeDatabaseState = decoder<DatabaseStateRecord>('database_states', {
  databaseId: 'text',
  policyName: 'text?',
  rpoMs: 'number?',
  clockFrom: 'number',
  lastBackupId: 'text?',
  lastDataAsOf: 'number?',
  lastAssignedAt: 'number?',
  lastRawBytes: 'number?',
  lastStoredBytes: 'number?',
  lastDurationMs: 'number?',
  recentDurations: 'list?',
  recentRawBytes: 'list?',
  recentStoredBytes: 'list?',
  trend: 'object?',
  allowedMs: 'number?',
  outgrowsAt: 'number?',
  recentGood: 'list?',
  backups: 'number',
  nextDueAt: 'number?',
  openJobId: 'text?',
  consecutiveFailures: 'number',
  failingSince: 'number?',
  lastFailure: 'object?',
  protection: 'text',
  reason: 'text',
  reasonDetail: 'text',
  since: 'number',
  verification: 'object?',
})

export const decodeHistory = decoder<HistoryRecord>('database_histories', {
  databaseId: 'text',
  samples: 'list',
})

/** A backup's JSON; manifest and copies have columns and rows of their own. */
export type StoredBackup = Omit<BackupRecord, 'manifest' | 'copies'>

export const decodeBackup = decoder<StoredBackup>('backups', {
  id: 'text',
  scope: 'text',
  clusterId: 'text',
  databaseIds: 'list',
  subjectName: 'text',
  engine: 'text',
  serverVersion: 'text',
  jobId: 'text?',
  attemptId: 'text',
  agentId: 'text',
  dataAsOf: 'number',
  startedAt: 'number',
  committedAt: 'number',
  recordedAt: 'number',
  rawBytes: 'number',
  storedBytes: 'number',
  backupClass: 'text',
  surplus: 'flag',
  manifestSha256: 'text',
  hold: 'object?',
  expiry: 'object?',
  deletion: 'object?',
  verification: 'object?',
})

export const decodeDeletedBackup = decoder<DeletedBackupRecord>('deleted_backups', {
  id: 'text',
  scope: 'text',
  clusterId: 'text',
  databaseIds: 'list',
  subjectName: 'text',
  engine: 'text',
  serverVersion: 'text',
  jobId: 'text?',
  attemptId: 'text',
  agentId: 'text',
  dataAsOf: 'number',
  startedAt: 'number',
  committedAt: 'number',
  recordedAt: 'number',
  rawBytes: 'number',
  storedBytes: 'number',
  backupClass: 'text',
  surplus: 'flag',
  manifestSha256: 'text',
  hold: 'object?',
  expiry: 'object?',
  deletion: 'object',
  verification: 'object?',
  deletedAt: 'number',
  leftBehind: 'list',
})

export const decodeVerification = decoder<VerificationRecord>('verifications', {
  id: 'text',
  jobId: 'text',
  backupId: 'text',
  databaseId: 'text',
  clusterId: 'text',
  agentId: 'text',
  subjectName: 'text',
  engine: 'text',
  at: 'number',
  verdict: 'text',
  restoreMs: 'number',
  totalMs: 'number',
  serverVersion: 'text',
  tables: 'number',
  rows: 'number',
  rawBytes: 'number',
  differences: 'list',
  differenceCount: 'number',
  failure: 'object?',
})

export const decodeBrakeRelease = decoder<BrakeRelease>('brake_releases', {
  at: 'number',
  by: 'text',
  reason: 'text',
})

export const decodeMissingCopy = decoder<MissingCopy>('missing_copies', {
  destination: 'text',
  url: 'text',
  manifestKey: 'text',
  state: 'text',
  since: 'number',
  nextAt: 'number',
  jobId: 'text?',
  failure: 'object?',
})

export const decodeDebris = decoder<DebrisRecord>('debris', {
  attemptId: 'text',
  destination: 'text',
  attemptPrefix: 'text',
  keys: 'list',
  foundAt: 'number',
  deleteJobId: 'text?',
  further: 'list?',
})

export const decodeAlert = decoder<AlertRecord>('alerts', {
  id: 'text',
  dedupKey: 'text',
  kind: 'text',
  severity: 'text',
  summary: 'text',
  facts: 'object',
  state: 'text',
  openedAt: 'number',
  resolvedAt: 'number?',
  lastSeenAt: 'number?',
  labels: 'object?',
  causes: 'list?',
  parentKey: 'text?',
  heldUntil: 'number?',
  lookAt: 'number?',
  channels: 'list?',
  toldAt: 'number?',
  toldSeverity: 'text?',
  toldMembers: 'number?',
  tellings: 'number?',
  ack: 'object?',
  openings: 'list?',
  calmSince: 'number?',
})

export const decodeSilence = decoder<SilenceRecord>('silences', {
  id: 'text',
  selector: 'object',
  reason: 'text',
  by: 'text',
  createdAt: 'number',
  endsAt: 'number',
})

export const decodePause = decoder<PauseRecord>('pauses', {
  key: 'text',
  scope: 'text',
  subject: 'text',
  name: 'text',
  reason: 'text',
  by: 'text',
  since: 'number',
  until: 'number?',
})

export const decodePolicyRevision = decoder<PolicyRevision>('policy_revisions', {
  revision: 'number',
  home: 'text',
  at: 'number',
  by: 'text',
  reason: 'text',
  text: 'text',
})

export const decodeToken = decoder<TokenRecord>('tokens', {
  id: 'text',
  name: 'text',
  role: 'text',
  hash: 'text',
  certificate: 'flag?',
  selector: 'object?',
  reason: 'text',
  by: 'text',
  createdAt: 'number',
  expiresAt: 'number',
  revokedAt: 'number?',
  revokedBy: 'text?',
})

export const decodeApproval = decoder<ApprovalRecord>('approvals', {
  id: 'text',
  act: 'text',
  summary: 'text',
  question: 'text',
  reason: 'text',
  askedBy: 'text',
  askedAt: 'number',
  expiresAt: 'number',
  state: 'text',
  decidedBy: 'text?',
  decidedAt: 'number?',
  decision: 'text?',
  usedAt: 'number?',
})

export const decodeJoinToken = decoder<JoinTokenRecord>('join_tokens', {
  hash: 'text',
  host: 'text?',
  by: 'text',
  createdAt: 'number',
  expiresAt: 'number',
  used: 'object?',
})

export const decodeCertifiedKey = decoder<CertifiedKeyRecord>('certified_keys', {
  keyId: 'text',
  agentId: 'text',
  hostname: 'text',
  publicKey: 'text',
  notBefore: 'number',
  notAfter: 'number',
  certifiedAt: 'number',
  revokedAt: 'number?',
  lastSeenAt: 'number?',
  shown: 'flag?',
})

export const decodeRevocation = decoder<RevocationRecord>('revocations', {
  agentId: 'text',
  at: 'number',
  by: 'text',
  reason: 'text',
})

/** An outbox message's JSON; the database gives the id. */
export type StoredMessage = Omit<OutboxRecord, 'id'>

export const decodeMessage = decoder<StoredMessage>('outbox', {
  alertId: 'text',
  dedupKey: 'text',
  channel: 'text',
  event: 'text',
  idempotencyKey: 'text',
  payload: 'text',
  createdAt: 'number',
  attempts: 'number',
  nextAttemptAt: 'number',
  state: 'text',
  lastError: 'text?',
})
