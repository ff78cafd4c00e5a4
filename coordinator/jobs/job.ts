import type { Failure } from '../../shared/errors/index.ts'
import type { EngineKind } from '../../shared/model/engine.ts'
import type {
  AgentId,
  AttemptId,
  BackupId,
  ClusterId,
  DatabaseId,
  InstanceId,
  JobId,
} from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'

/** Kinds of work. `restore` and `delete` are guarded (J11): never retried by themselves after Start. */
export type JobKind = 'backup' | 'restore' | 'delete' | 'copy' | 'verify'

/** Whether a kind is guarded (J11). */
export function isGuarded(kind: JobKind): boolean {
  return kind === 'restore' || kind === 'delete'
}

/** What a job is about. */
export type JobSubject =
  | { readonly scope: 'database'; readonly clusterId: ClusterId; readonly databaseId: DatabaseId }
  | { readonly scope: 'cluster'; readonly clusterId: ClusterId }
  | { readonly scope: 'destination'; readonly destination: string }

/** The subject as one text: the key of the unique index behind J9. */
export function subjectKey(subject: JobSubject): string {
  switch (subject.scope) {
    case 'database':
      return subject.databaseId
    case 'cluster':
      return subject.clusterId
    case 'destination':
      return `destination:${subject.destination}`
  }
}

/** An attempt: equal id *and* epoch, or it is another (J2). */
export interface Attempt {
  readonly id: AttemptId
  readonly epoch: number
  readonly agentId: AgentId
  readonly assignedAt: Millis
  /** When `accepted` was committed and Start could be sent (J10). */
  readonly startedAt?: Millis
}

/** A lease as stored: who and how long, never a deadline; deadlines live in the leader's memory (J6). */
export interface Lease {
  readonly ttl: Duration
}

/** Who asked for something. `system` is the coordinator itself. */
export interface Actor {
  readonly kind: 'system' | 'operator' | 'agent'
  readonly name: string
}

/** A state owns its resources: a lease exists only where one can. */
export type JobState =
  | {
      readonly kind: 'queued'
      readonly notBefore: Millis
      readonly lastFailure?: Failure
      readonly lastAttempt?: Attempt
    }
  | { readonly kind: 'assigned'; readonly attempt: Attempt; readonly lease: Lease }
  | { readonly kind: 'running'; readonly attempt: Attempt; readonly lease: Lease }
  | {
      readonly kind: 'cancelling'
      readonly attempt: Attempt
      readonly lease: Lease
      readonly by: Actor
      readonly reason: string
    }
  | {
      readonly kind: 'succeeded'
      readonly endedAt: Millis
      readonly attempt: Attempt
      readonly backupId?: BackupId
    }
  | {
      readonly kind: 'failed'
      readonly endedAt: Millis
      readonly failure: Failure
      readonly attempt?: Attempt
    }
  | {
      readonly kind: 'cancelled'
      readonly endedAt: Millis
      readonly by: Actor
      readonly reason: string
      readonly attempt?: Attempt
    }

export type JobStateKind = JobState['kind']

/** What a restore is to do. */
export interface RestoreOrder {
  readonly backupId: BackupId
  readonly instanceId: InstanceId
  readonly destination: string
  readonly manifestKey: string
  readonly manifestSha256: string
  /** Other destinations that hold a copy, in the order they are to be tried. */
  readonly fallbacks?: readonly string[]
  readonly into: string
}

/** What a keeper is to remove under one destination: debris of failed attempts, or backups whose time is over. */
export interface DeleteOrder {
  readonly destination: string
  readonly keys: readonly string[]
  readonly attemptPrefixes: readonly string[]
  readonly backups?: readonly BackupToDelete[]
}

/** A backup as the catalog has it: a keeper touches no other manifest. */
export interface BackupToDelete {
  readonly backupId: BackupId
  readonly manifestKey: string
  readonly manifestSha256: string
  readonly attemptPrefix: string
}

/** Which copy of a backup is to be made. */
export interface CopyOrder {
  readonly backupId: BackupId
  /** Destinations that hold it, in the order they are to be tried. */
  readonly sources: readonly string[]
  /** The one that is to get it. */
  readonly destination: string
  readonly manifestKey: string
  readonly manifestSha256: string
}

/** Which backup is to be proven by a restore (P5). */
export interface VerifyOrder {
  readonly backupId: BackupId
  /** Destinations that hold it, in the order they are to be tried. */
  readonly sources: readonly string[]
  readonly manifestKey: string
  readonly manifestSha256: string
  /** Of the server it was made of: one that is not older is needed. */
  readonly engine: EngineKind
  readonly serverVersion: string
  readonly rawBytes: number
  /** An attempt that takes longer is ended. */
  readonly timeout: Duration
}

/** How a backup that a person asked for stands among others; absent: as its policy says. */
export interface BackupOrder {
  readonly priority?: Priority
}

/** `high` comes before everything but restores, `low` after everything that is as urgent. */
export const priorities = ['low', 'normal', 'high'] as const
export type Priority = (typeof priorities)[number]

/** The particulars of a kind. A backup's are resolved at assignment, from policy and fleet as they are then. */
export type JobOrder =
  | ({ readonly kind: 'backup' } & BackupOrder)
  | ({ readonly kind: 'restore' } & RestoreOrder)
  | ({ readonly kind: 'delete' } & DeleteOrder)
  | ({ readonly kind: 'copy' } & CopyOrder)
  | ({ readonly kind: 'verify' } & VerifyOrder)

/** How often an attempt may be tried and how long to wait between; part of a policy, fixed at creation. */
export interface RetryRule {
  /** Attempts in all, at least 1. */
  readonly maxAttempts: number
  readonly baseDelay: Duration
  readonly maxDelay: Duration
}

/** One unit of work. */
export interface Job {
  readonly id: JobId
  readonly kind: JobKind
  readonly subject: JobSubject
  /** The slot it is due in; with kind and subject it is unique among open jobs (J9). */
  readonly dueSlot: string
  readonly dueAt: Millis
  readonly createdAt: Millis
  readonly origin: 'schedule' | 'operator'
  readonly requestedBy: Actor
  readonly reason: string
  readonly policy?: { readonly name: string; readonly version: string }
  readonly order: JobOrder
  readonly retry: RetryRule
  /** The epoch last given out; 0 before the first attempt. Only `assign` raises it (J4). */
  readonly epoch: number
  /** Attempts made so far. */
  readonly attempts: number
  readonly state: JobState
}

/** Whether a state is final (J3). */
export function isEnded(state: JobState): boolean {
  return state.kind === 'succeeded' || state.kind === 'failed' || state.kind === 'cancelled'
}

/** The attempt a state holds or held last, if any. */
export function attemptOf(state: JobState): Attempt | undefined {
  return state.kind === 'queued' ? state.lastAttempt : state.attempt
}
