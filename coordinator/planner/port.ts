import type { AgentId, ClusterId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis, Now } from '../../shared/time/index.ts'
import type { JobKind } from '../jobs/job.ts'

/**
 * The planner's final port (architecture §9): a picture of the fleet in, decisions with reasons out. Same
 * input, same plan; ties by id. What the first planner does not use yet (budgets, windows, reservations)
 * joins as further optional fields.
 */
export interface PlanInput {
  readonly now: Now
  readonly queued: readonly QueuedJob[]
  readonly running: readonly RunningJob[]
  readonly agents: readonly AgentCapacity[]
  /** Jobs that may run in one cluster at a time; 1 when absent. Manual restores do not wait for it. */
  readonly jobsPerCluster?: number
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
  /** Predicted duration, median and pessimistic. */
  readonly p50: Duration
  readonly p90: Duration
  readonly sizeBytes: number
  readonly importance: number
  readonly attempts: number
  /** Agents that could do it, with nothing but identity and feature as criterion, or why there is none. */
  readonly candidates: readonly AgentId[]
  readonly noCandidateReason?: { readonly code: string; readonly text: string }
}

export interface RunningJob {
  readonly id: JobId
  readonly agentId: AgentId
  readonly clusterId?: ClusterId
}

export interface AgentCapacity {
  readonly id: AgentId
  readonly host: string
  readonly connected: boolean
  readonly draining: boolean
  readonly slots: number
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
      readonly until?: Millis
    }

/** Signature of the planner: `plan(input)`, one decision for each queued job, in the order considered. */
export type Plan = (input: PlanInput) => readonly PlanDecision[]
