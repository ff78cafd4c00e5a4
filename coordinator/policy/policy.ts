import type { Codec, Strategy } from '../../shared/model/engine.ts'
import type { Duration } from '../../shared/time/index.ts'
import type { RetryRule } from '../jobs/job.ts'
import type { DailyWindow } from '../planner/window.ts'
import type { RetentionRule } from '../retention/rule.ts'

/** When backups are due. */
export type Schedule =
  | { readonly kind: 'interval'; readonly every: Duration }
  /** From what is promised and how long a backup takes (`pace`); `every` is for the database at hand. */
  | { readonly kind: 'auto'; readonly every: Duration }
  | {
      readonly kind: 'cron'
      /** Five fields: minute, hour, day of month, month, day of week. */
      readonly expression: string
      /** IANA zone whose clocks they speak of. */
      readonly zone: string
      /** The longest time between two of its instants. */
      readonly every: Duration
    }

/** Which databases a policy is for. Absent fields match everything; lists match any of their members. */
export interface PolicySelector {
  readonly engines?: readonly string[]
  readonly services?: readonly string[]
  readonly datacenters?: readonly string[]
  readonly tags?: readonly string[]
  /** Patterns with `*` on the cluster name. */
  readonly clusters?: readonly string[]
  /** Patterns with `*` on the database name. */
  readonly databases?: readonly string[]
  /** Patterns with `*` on the database name that are left out. */
  readonly exclude?: readonly string[]
}

/** Encryption of the backups: age recipients, a file of them on the agents' hosts, or a KMS key. */
export interface PolicyEncryption {
  /** Nothing may be stored in plaintext. */
  readonly required: boolean
  readonly recipients: readonly string[]
  readonly recipientsFile?: string
  readonly kmsKey?: string
  /** Further recipients of every encrypted backup. */
  readonly breakGlass: readonly string[]
}

/** What runs around a backup, by the names that its host's agent knows, in order; never what is run. */
export interface PolicyHooks {
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly onFailure: readonly string[]
}

/** Every hook that a policy asks for, once. */
export function hooksIn({ hooks }: Pick<Policy, 'hooks'>): readonly string[] {
  return hooks === undefined ? [] : [...new Set([...hooks.before, ...hooks.after, ...hooks.onFailure])]
}

/** Where else a backup is to lie, and what that may cost. */
export interface CopyPolicy {
  readonly destinations: readonly string[]
  /** Written with the dump, or copied once it is committed. */
  readonly when: 'at-once' | 'after'
  /** Copies that must be committed for success; the others are made later. */
  readonly min: number
  /** How long the others may hold a dump up, in all. */
  readonly patience: Duration
}

/** From where a policy's backups may come, of a cluster with replicas. */
export const replicaPreferences = ['prefer', 'require', 'never'] as const
export type ReplicaPreference = (typeof replicaPreferences)[number]

/** What is promised for a set of databases. */
export interface Policy {
  readonly name: string
  /** Hash of the content: changes whenever the promise does. */
  readonly version: string
  readonly selector: PolicySelector
  readonly schedule: Schedule
  /** No good backup younger than this is a breach (P1). */
  readonly rpo: Duration
  readonly destination: string
  /** Destinations beside it; absent: none. */
  readonly copies?: CopyPolicy
  readonly codec: Codec
  readonly codecLevel: number
  /** zstd's long mode, log2 of the window. */
  readonly codecLong?: number
  readonly codecThreads?: number
  /** Who can read the backups; absent: as each agent is configured. */
  readonly encryption?: PolicyEncryption
  /** A cluster's globals with the password verifiers of its roles. */
  readonly globalsPasswords?: boolean
  readonly retry: RetryRule
  /** Whether people are told of each backup that succeeded; absent: of none. */
  readonly tellSuccess?: boolean
  /** How bytes reach the store; absent: streaming. */
  readonly strategy?: Strategy
  /** What is kept of its backups; absent: all of them, for ever. */
  readonly retention?: RetentionRule
  /** Stored bytes per second, for each job. */
  readonly maxRate?: number
  /** A stream without a byte for so long is ended; absent: the agent's own. */
  readonly idleTimeout?: Duration
  /** Whose promise is kept first where not all can be; absent: 1. */
  readonly importance?: number
  /** When its jobs may start; absent: at any time. The window wins over the RPO. */
  readonly windows?: readonly DailyWindow[]
  /** When they may not, whatever the windows say. */
  readonly blackouts?: readonly DailyWindow[]
  /** Whether a job must end inside its window, by its P90; absent: yes. */
  readonly mustFinish?: boolean
  /** Whether backups come from a replica: preferred (absent), demanded, or never. */
  readonly replica?: ReplicaPreference
  /** Replication lag up to which a replica is preferred to its primary; absent: 5 min. 0: never. */
  readonly replicaMaxLag?: Duration
  /** Streams at the same time inside one database; 1: one archive; absent: as the agent finds right. */
  readonly streams?: number
  /** When people are told that a backup runs long: after so long, or so many times its median; absent: as for all. */
  readonly longRunning?: { readonly after?: Duration; readonly factor?: number }
  /** An attempt of a backup or a copy that takes longer is ended and retried; absent: never. */
  readonly timeout?: Duration
  /** A restore of its backups that takes longer is ended; absent: never. */
  readonly restoreTimeout?: Duration
  /** A dump ends itself when it blocks others for so long (P6); 0: never; absent: the agent's own. */
  readonly blockingLimit?: Duration
  /** So many transactions since its snapshot end a dump (P6); 0: never; absent: the agent's own. */
  readonly xminAgeLimit?: number
  /** On a replica: received and not replayed for so long ends a dump (P6); absent: never. */
  readonly replayLagLimit?: Duration
  /** On a replica: so much log received and not replayed ends a dump (P6), bytes; absent: never. */
  readonly replayBacklogLimit?: number
  /** Absent: none. */
  readonly hooks?: PolicyHooks
  /** How often its newest backup is proven by a restore; absent: never. */
  readonly verification?: PolicyVerification
}

/** Proof by restore (P5). */
export interface PolicyVerification {
  readonly every: Duration
  /** An attempt that takes longer is ended. */
  readonly timeout: Duration
  /** What backups count of their rows for it. */
  readonly census: 'rows' | 'none'
}

/** The facts a policy is chosen by. */
export interface PolicySubject {
  readonly engine: string
  readonly service: string
  readonly datacenter: string
  readonly scope: 'database' | 'cluster'
  /** Empty for a cluster's globals. */
  readonly name: string
  readonly id?: string
  /** The cluster's name. */
  readonly cluster?: string
  /** Of any of its instances. */
  readonly tags?: readonly string[]
}
