import type { Destination } from '../../shared/model/destination.ts'
import type { Duration } from '../../shared/time/index.ts'
import type { AlertRules } from '../alerts/index.ts'
import type { AuditSink } from '../audit/ship/index.ts'
import type { NamedBudgets } from '../budget-config.ts'
import type { Policy, PolicyBook } from '../policy/index.ts'
import type { BrakeRule } from '../retention/index.ts'
import type { ApprovalRules } from './approval-rules.ts'

/** Every span the coordinator goes by, milliseconds. Those agents need travel in `Welcome` (architecture §5). */
export interface Times {
  readonly heartbeat: Duration
  /** At least takeover + reconnect of the fleet + three heartbeats. */
  readonly leaseTtl: Duration
  readonly acceptTimeout: Duration
  readonly startTimeout: Duration
  readonly inventoryInterval: Duration
  /** Between two looks at the plan; events wake it earlier. */
  readonly planInterval: Duration
  readonly protectionInterval: Duration
  readonly leaseTick: Duration
  readonly lastSeenFlush: Duration
  /** An agent silent for this long is gone for good: a keeper cleans up after it. */
  readonly agentGone: Duration
  /** How long a server that discovery no longer shows is a gap, before its databases get their tombstone. */
  readonly goneGrace: Duration
  /** How long a failed clean-up waits for the next. */
  readonly debrisRetry: Duration
  /** A leader that did not renew for this long is taken over. */
  readonly leaderStale: Duration
  readonly leaderRenew: Duration
  /** A leader steps down by its own clock this long before it could be taken over. */
  readonly leaderMargin: Duration
}

/** What the verbs go by: resolved configuration, fixed for the life of the process. */
export interface Settings {
  readonly version: string
  /** The whole policies of the configuration. What is in force is the term's to say. */
  readonly policies: readonly Policy[]
  /** What the configuration promises, as a document of policies. */
  readonly configured: {
    readonly book: PolicyBook
    readonly text: string
    readonly lines: ReadonlyMap<string, string>
  }
  /** Where policies are watched instead; absent: nowhere, they may be applied. */
  readonly policySource?: 'file' | 'consul'
  readonly destinations: ReadonlyMap<string, Destination>
  /** Names of the channels that alerts may go to. */
  readonly channels: readonly string[]
  /** Who is told of what, and when. */
  readonly alerts: AlertRules
  readonly times: Times
  /** Jobs an agent works on at a time. */
  readonly slotsPerAgent: number
  /** Where heads of the audit chain are put, and how often; absent: nowhere. */
  readonly anchors?: { readonly destination: string; readonly every: Duration }
  /** Where events of the audit are shipped to; absent: nowhere. */
  readonly ship?: {
    readonly sinks: readonly AuditSink[]
    readonly every: Duration
    readonly patience: Duration
  }
  /** Absent: nothing but the slots of agents and one job a cluster limits. */
  readonly budgets?: NamedBudgets
  /** What takes a second person. */
  readonly approvals: ApprovalRules
  /** How backups go that nothing keeps: how often that is looked at, after which grace, and what stops it. */
  readonly retention: { readonly every: Duration; readonly grace: Duration; readonly brake: BrakeRule }
  /** Names that configuration makes admins, by the certificates they show; none on a plaintext listener. */
  readonly namedAdmins: readonly string[]
  /** Longest life of an operator's token. */
  readonly longestToken: Duration
}
