import type { Job } from '../../coordinator/jobs/job.ts'
import type {
  AgentRecord,
  AlertRecord,
  AttemptRecord,
  AuditEntry,
  BackupRecord,
  ClusterRecord,
  DatabaseRecord,
  DatabaseStateRecord,
  DebrisRecord,
  DecisionRecord,
  InstanceRecord,
  OutboxRecord,
} from '../../coordinator/store/records.ts'
import { newId } from '../../shared/clock/index.ts'

/** Records with plausible content; what a test is about is given, the rest does not matter. */

const at = 1_795_000_000_000

export function job(given: Partial<Job> = {}): Job {
  return {
    id: newId('job'),
    kind: 'backup',
    subject: { scope: 'database', clusterId: newId('cluster'), databaseId: newId('database') },
    dueSlot: 'slot-1',
    dueAt: at,
    createdAt: at,
    origin: 'schedule',
    requestedBy: { kind: 'system', name: 'planner' },
    reason: 'due',
    order: { kind: 'backup' },
    retry: { maxAttempts: 3, baseDelay: 1_000, maxDelay: 60_000 },
    epoch: 0,
    attempts: 0,
    state: { kind: 'queued', notBefore: at },
    ...given,
  }
}

export function attempt(given: Partial<AttemptRecord> & Pick<AttemptRecord, 'jobId'>): AttemptRecord {
  return {
    id: newId('attempt'),
    epoch: 1,
    agentId: newId('agent'),
    bootId: 'boot',
    assignedAt: at,
    ...given,
  }
}

export function decision(given: Partial<DecisionRecord> & Pick<DecisionRecord, 'jobId'>): DecisionRecord {
  return {
    at,
    kind: 'place',
    subject: 'host7',
    code: 'chosen',
    text: 'least loaded',
    numbers: { slots: 2 },
    ...given,
  }
}

export function agent(given: Partial<AgentRecord> = {}): AgentRecord {
  return {
    id: newId('agent'),
    instanceUuid: 'uuid',
    bootId: 'boot',
    hostname: 'host7',
    nodeId: 'node',
    nodeName: 'host7',
    addresses: ['10.0.0.7'],
    version: '0.1.0',
    features: ['grant'],
    tools: [{ name: 'pg_dump', version: '15.4', path: '/usr/bin/pg_dump' }],
    cores: 8,
    memoryBytes: 32 * 2 ** 30,
    keeper: false,
    pool: true,
    clockOffsetMs: -3,
    draining: false,
    firstSeenAt: at,
    lastSeenAt: at,
    ...given,
  }
}

export function cluster(given: Partial<ClusterRecord> = {}): ClusterRecord {
  return {
    id: newId('cluster'),
    name: 'orders',
    engine: 'postgres',
    evidence: [{ kind: 'postgres-system-identifier', value: '7', firstSeenAt: at, lastSeenAt: at }],
    hasGlobals: true,
    firstSeenAt: at,
    ...given,
  }
}

export function instance(given: Partial<InstanceRecord> = {}): InstanceRecord {
  const id = newId('instance')
  return {
    id,
    clusterId: newId('cluster'),
    discoveryKey: `dc1/ns/node/${id}`,
    source: 'consul',
    engine: 'postgres',
    service: 'orders-db',
    datacenter: 'dc1',
    nodeId: 'node',
    nodeName: 'host7',
    nodeAddress: '10.0.0.7',
    address: '10.0.0.7',
    port: 5432,
    tags: ['primary'],
    meta: { policy: 'gold' },
    missingPrivileges: [],
    firstSeenAt: at,
    lastSeenAt: at,
    ...given,
  }
}

export function database(given: Partial<DatabaseRecord> = {}): DatabaseRecord {
  return {
    id: newId('database'),
    clusterId: newId('cluster'),
    scope: 'database',
    name: 'orders',
    sizeBytes: 5_000_000_000_000,
    connectable: true,
    evidence: [],
    firstSeenAt: at,
    lastSeenAt: at,
    ...given,
  }
}

export function state(
  given: Partial<DatabaseStateRecord> & Pick<DatabaseStateRecord, 'databaseId'>,
): DatabaseStateRecord {
  return {
    clockFrom: at,
    backups: 0,
    consecutiveFailures: 0,
    protection: 'due',
    reason: 'no-backup',
    reasonDetail: 'none yet',
    since: at,
    ...given,
  }
}

export function backup(given: Partial<BackupRecord> = {}): BackupRecord {
  return {
    id: newId('backup'),
    scope: 'database',
    clusterId: newId('cluster'),
    databaseIds: [newId('database')],
    subjectName: 'orders',
    engine: 'postgres',
    serverVersion: '15.4',
    jobId: newId('job'),
    attemptId: newId('attempt'),
    agentId: newId('agent'),
    dataAsOf: at,
    startedAt: at,
    committedAt: at,
    recordedAt: at,
    rawBytes: 1_000,
    storedBytes: 100,
    backupClass: 'daily',
    surplus: false,
    manifest: Uint8Array.of(0, 1, 2, 253, 254, 255),
    manifestSha256: 'ab',
    copies: [
      {
        destination: 'main',
        url: 's3://bucket/prefix',
        manifestKey: 'v1/manifests/x.json',
        state: 'present',
      },
    ],
    ...given,
  }
}

export function debris(given: Partial<DebrisRecord> = {}): DebrisRecord {
  return {
    attemptId: newId('attempt'),
    destination: 'main',
    attemptPrefix: 'v1/data/x',
    keys: ['v1/data/x/000'],
    foundAt: at,
    ...given,
  }
}

export function alert(given: Partial<AlertRecord> = {}): AlertRecord {
  return {
    id: newId('alert'),
    dedupKey: 'rpo/orders',
    kind: 'rpo-breach',
    severity: 'critical',
    summary: 'orders is breached',
    facts: { database: 'orders' },
    state: 'open',
    openedAt: at,
    ...given,
  }
}

export function message(given: Partial<OutboxRecord> = {}): Omit<OutboxRecord, 'id' | 'attempts' | 'state'> {
  return {
    alertId: newId('alert'),
    dedupKey: 'rpo/orders',
    channel: 'webhook',
    event: 'opened',
    idempotencyKey: 'key',
    payload: '{}',
    createdAt: at,
    nextAttemptAt: at,
    ...given,
  }
}

export function entry(given: Partial<AuditEntry> = {}): AuditEntry {
  return {
    at,
    class: 'history',
    actor: 'operator:ana',
    action: 'job.cancel',
    subject: 'job_1',
    reason: 'maintenance',
    detail: { epoch: 3, ok: true, note: 'x' },
    ...given,
  }
}
