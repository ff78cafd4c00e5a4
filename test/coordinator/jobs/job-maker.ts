import type { Actor, Job, JobKind, JobOrder } from '../../../coordinator/jobs/job.ts'
import { idFrom } from '../../../shared/model/identifiers.ts'

/** A UUIDv7 made of a number, for tests that want the same ids each time. */
export function uuidOf(n: number): string {
  return `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
}

export const operator: Actor = { kind: 'operator', name: 'ada' }

const orders: Readonly<Record<JobKind, JobOrder>> = {
  backup: { kind: 'backup' },
  restore: {
    kind: 'restore',
    backupId: idFrom('backup', uuidOf(900)),
    instanceId: idFrom('instance', uuidOf(901)),
    destination: 'main',
    manifestKey: 'v1/manifests/2026/11/02/att.json',
    manifestSha256: '0'.repeat(64),
    into: 'orders_copy',
  },
  copy: {
    kind: 'copy',
    backupId: idFrom('backup', uuidOf(900)),
    sources: ['main'],
    destination: 'far',
    manifestKey: 'v1/manifests/2026/11/02/att.json',
    manifestSha256: '0'.repeat(64),
  },
  verify: {
    kind: 'verify',
    backupId: idFrom('backup', uuidOf(900)),
    sources: ['main'],
    manifestKey: 'v1/manifests/2026/11/02/att.json',
    manifestSha256: '0'.repeat(64),
    engine: 'postgres',
    serverVersion: '15.8',
    rawBytes: 100,
    timeout: 21_600_000,
  },
  delete: { kind: 'delete', destination: 'main', keys: ['v1/data/x'], attemptPrefixes: [] },
}

/** A queued job of `kind`, first due at 0. */
export function queuedJob(kind: JobKind = 'backup', change: Partial<Job> = {}): Job {
  return {
    id: idFrom('job', uuidOf(1)),
    kind,
    subject: {
      scope: 'database',
      clusterId: idFrom('cluster', uuidOf(2)),
      databaseId: idFrom('database', uuidOf(3)),
    },
    dueSlot: 'i/86400000/1',
    dueAt: 0,
    createdAt: 0,
    origin: 'schedule',
    requestedBy: { kind: 'system', name: 'scheduler' },
    reason: 'due',
    order: orders[kind],
    retry: { maxAttempts: 3, baseDelay: 60_000, maxDelay: 600_000 },
    epoch: 0,
    attempts: 0,
    state: { kind: 'queued', notBefore: 0 },
    ...change,
  }
}
