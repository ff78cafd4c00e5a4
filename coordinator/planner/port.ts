import type { AgentId, ClusterId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis, Now } from '../../shared/time/index.ts'
import type { JobKind } from '../jobs/job.ts'
import type { Span } from './window.ts'

/**
 * The planner's port (architecture §9): a picture of the fleet in, decisions with reasons out. Same input, same
 * plan; ties by id. What is absent limits nothing.
 */
export interface PlanInput {
  readonly now: Now
  readonly queued: readonly QueuedJob[]
  readonly running: readonly RunningJob[]
  readonly agents: readonly AgentCapacity[]
  /** Jobs that may run in one cluster at a time; 1 when absent. Manual restores do not wait for it. */
  readonly jobsPerCluster?: number
  readonly budgets?: Budgets
  /** Median work that waits in a cluster, milliseconds, where more waits than is queued here. */
  readonly backlogs?: ReadonlyMap<ClusterId, Duration>
}

/** What may be taken at a time: jobs, and stored bytes a second summed over them. Absent: no limit. */
export interface Budget {
  readonly slots?: number
  readonly bytesPerSecond?: number
}

/** Budgets of a kind of thing, and of single ones by name, which then replace the kind's. */
export interface Budgets {
  readonly host?: Budget
  readonly cluster?: Budget
  readonly site?: Budget
  readonly destination?: Budget
  readonly hosts?: ReadonlyMap<string, Budget>
  readonly clusters?: ReadonlyMap<ClusterId, Budget>
  readonly sites?: ReadonlyMap<string, Budget>
  readonly destinations?: ReadonlyMap<string, Budget>
}

export interface QueuedJob {
  readonly id: JobId
  readonly kind: JobKind
  readonly clusterId?: ClusterId
  readonly dueAt: Millis
  readonly notBefore: Millis
  /** When the promise breaks: dueAt plus what is left of the RPO. */
  readonly deadline: Millis
  readonly manual: boolean
  /** A person says that it must not wait for others: it stands where what is overdue does. */
  readonly urgent?: boolean
  /** Predicted duration, median and pessimistic. */
  readonly p50: Duration
  readonly p90: Duration
  readonly sizeBytes: number
  /** Stored bytes a second, predicted, reserved for the whole run; absent or 0: takes none of any budget. */
  readonly rate?: number
  /** Part buffers it is going to hold, bytes; one that wants more than a host has gets all there is. */
  readonly bufferBytes?: number
  /** Room it needs on its host's staging disk, bytes; more than there is: it waits. */
  readonly stagingBytes?: number
  readonly importance: number
  readonly attempts: number
  /** Where its bytes go; absent: no budget of a destination holds for it. */
  readonly destination?: string
  /** Where else they go at the same time: a slot and the same bytes a second in each. */
  readonly further?: readonly string[]
  /** When it may start, in order of time: this window or the next few. Absent: at any time. */
  readonly windows?: readonly Span[]
  /** Whether it must end inside its window by its P90; true when absent. */
  readonly mustFinish?: boolean
  /** Agents that could do it, with nothing but identity and feature as criterion, or why there is none. */
  readonly candidates: readonly AgentId[]
  /** Which candidates come first: lower first, 1 when absent. A replica within its lag limit is 0, a pool agent 2. */
  readonly ranks?: ReadonlyMap<AgentId, number>
  readonly noCandidateReason?: { readonly code: string; readonly text: string }
}

export interface RunningJob {
  readonly id: JobId
  readonly agentId: AgentId
  readonly clusterId?: ClusterId
  readonly destination?: string
  readonly further?: readonly string[]
  readonly rate?: number
  readonly bufferBytes?: number
  /** What it may still write to the staging disk. */
  readonly stagingBytes?: number
  /** When it should have ended, pessimistically; absent: nobody knows. */
  readonly endsAt?: Millis
}

export interface AgentCapacity {
  readonly id: AgentId
  readonly host: string
  readonly connected: boolean
  readonly draining: boolean
  readonly slots: number
  /** The site its host is in; absent: no budget of a site holds for it. */
  readonly site?: string
  /** Stored bytes a second of all its jobs, by its own configuration; absent: no limit. */
  readonly bytesPerSecond?: number
  /** Memory for the part buffers of all its jobs, bytes; absent: unknown, and no limit. */
  readonly bufferBytes?: number
  /** What staged jobs may fill of its disk, bytes; absent: unknown, and no limit. */
  readonly stagingBytes?: number
}

/** A reason is a code and numbers; the text is for people. */
export interface Reason {
  readonly code: string
  readonly subject: string
  readonly text: string
  readonly numbers: Readonly<Record<string, number>>
}

export type PlanDecision =
  | {
      readonly kind: 'assign'
      readonly jobId: JobId
      readonly agentId: AgentId
      readonly reasons: readonly Reason[]
    }
  | {
      readonly kind: 'wait'
      readonly jobId: JobId
      readonly reasons: readonly Reason[]
      /** Nothing changes for it before then: a retry's delay, the opening of its window. */
      readonly until?: Millis
      /** Where budget is kept for it, from when on. */
      readonly reserved?: { readonly agentId: AgentId; readonly at: Millis }
    }

/** Signature of the planner: `plan(input)`, one decision for each queued job, in the order considered. */
export type Plan = (input: PlanInput) => readonly PlanDecision[]
