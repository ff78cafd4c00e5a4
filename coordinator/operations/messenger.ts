import type { Destination } from '../../shared/model/destination.ts'
import type { AgentId, BackupId, ClusterId, DatabaseId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration } from '../../shared/time/index.ts'
import type { Attempt, DeleteOrder, VerifyOrder } from '../jobs/job.ts'
import type { Policy } from '../policy/policy.ts'
import type { InstanceRecord } from '../store/records.ts'

/** What an agent is offered, resolved from fleet and policy as they are at this moment. */
export type Assignment =
  | {
      readonly kind: 'backup'
      readonly instance: InstanceRecord
      readonly clusterId: ClusterId
      readonly clusterName: string
      readonly scope: 'database' | 'cluster'
      readonly databaseId: DatabaseId
      readonly databaseName: string
      readonly destination: Destination
      /** Written at the same time as `destination`. */
      readonly further: readonly Destination[]
      readonly policy: Policy
      readonly backupClass: string
      readonly backupId: BackupId
      /** 0 when unknown. */
      readonly predictedRawBytes: number
      readonly predictedStoredBytes?: number
    }
  | {
      readonly kind: 'restore'
      readonly instance: InstanceRecord
      readonly source: Destination
      readonly fallbacks: readonly Destination[]
      readonly manifestKey: string
      readonly manifestSha256: string
      readonly into: string
      readonly backupId: BackupId
      /** Longer than this it is ended. */
      readonly timeout?: Duration
    }
  | ({ readonly kind: 'delete'; readonly to: Destination } & DeleteOrder)
  | {
      readonly kind: 'copy'
      readonly sources: readonly Destination[]
      readonly target: Destination
      readonly manifestKey: string
      readonly manifestSha256: string
      readonly backupId: BackupId
      readonly timeout?: Duration
    }
  | ({ readonly kind: 'verify'; readonly sources: readonly Destination[] } & Omit<VerifyOrder, 'sources'>)

/** What a keeper is to do about heads of the audit chain. */
export type AnchorWork = { readonly destination: Destination } & (
  | { readonly kind: 'write'; readonly key: string; readonly content: Uint8Array }
  | { readonly kind: 'read'; readonly prefix: string }
)

/** An attempt with its job, as messages name it. */
export interface Addressee {
  readonly jobId: JobId
  readonly attempt: Attempt
}

/**
 * The way to agents. Nothing here waits and nothing fails: an agent that is not connected misses the message,
 * and the accept time-out, the lease or its next Hello put that right.
 */
export interface Messenger {
  assign(to: Addressee, assignment: Assignment): void
  start(to: Addressee): void
  cancel(to: Addressee, reason: 'requested' | 'superseded' | 'unknown'): void
  /** The instances an agent answers for changed. */
  watch(agentId: AgentId, instances: readonly InstanceRecord[]): void
  /** Take nothing new, or take work again. Said anew to each new stream of an agent that drains. */
  drain(agentId: AgentId, draining: boolean, reason: string): void
  /** What an attempt may store a second from now on; 0: no budget limits it. False when its agent is not connected. */
  rate(to: Addressee, bytesPerSecond: number): boolean
  /** Asks a keeper; false when it is not connected. */
  anchor(agentId: AgentId, taskId: string, work: AnchorWork): boolean
}
