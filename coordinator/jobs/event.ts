import type { Failure } from '../../shared/errors/index.ts'
import type { AgentId, AttemptId, BackupId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { Actor, Attempt, Job } from './job.ts'

/** Names an attempt whole: counts only if both are equal to the job's current one (J2). */
export interface AttemptRef {
  readonly attemptId: AttemptId
  readonly epoch: number
  readonly agentId: AgentId
}

/** What can happen to a job. Ids and times come in with the event; the machine has no clock and no dice. */
export type JobEvent =
  | {
      readonly kind: 'assign'
      readonly attemptId: AttemptId
      readonly agentId: AgentId
      readonly leaseTtl: Duration
    }
  | { readonly kind: 'accepted'; readonly ref: AttemptRef }
  | { readonly kind: 'declined'; readonly ref: AttemptRef; readonly failure: Failure }
  /** No `accepted` within the accept time-out; decided by the leader's monotonic clock. */
  | { readonly kind: 'accept-timed-out'; readonly ref: AttemptRef }
  /** A whole lease without renewal; decided by the leader's monotonic clock (J6). */
  | { readonly kind: 'lease-expired'; readonly ref: AttemptRef }
  /** A Hello of a new boot that lists neither the attempt nor a result for it (J6). */
  | { readonly kind: 'agent-restarted'; readonly ref: AttemptRef }
  /** A reconnecting agent still works on its newest attempt (J6). */
  | { readonly kind: 'resumed'; readonly ref: AttemptRef; readonly leaseTtl: Duration }
  | { readonly kind: 'succeeded'; readonly ref: AttemptRef; readonly backupId?: BackupId }
  | { readonly kind: 'failed'; readonly ref: AttemptRef; readonly failure: Failure }
  /** The agent obeyed a Cancel and rolled everything back. */
  | { readonly kind: 'stopped'; readonly ref: AttemptRef }
  | { readonly kind: 'cancel'; readonly by: Actor; readonly reason: string }

/** What leaves after the commit (J1), in order. */
export type JobEffect =
  | { readonly kind: 'send-assign'; readonly jobId: JobId; readonly attempt: Attempt }
  | { readonly kind: 'send-start'; readonly jobId: JobId; readonly attempt: Attempt }
  | {
      readonly kind: 'send-cancel'
      readonly jobId: JobId
      readonly attempt: Attempt
      readonly reason: 'requested' | 'superseded' | 'unknown'
    }
  /** Begin or renew the lease clock of the attempt in the leader's memory. */
  | { readonly kind: 'start-lease'; readonly jobId: JobId; readonly attempt: Attempt; readonly ttl: Duration }
  | { readonly kind: 'end-lease'; readonly jobId: JobId; readonly attempt: Attempt }
  | { readonly kind: 'wake-planner' }

/** How an attempt ended, for its own row. */
export type AttemptOutcome = 'succeeded' | 'failed' | 'cancelled' | 'lost' | 'declined' | 'superseded'

/** What an accepted step says of attempts, for their rows. */
export type AttemptChange =
  | { readonly kind: 'made'; readonly attempt: Attempt }
  | { readonly kind: 'started'; readonly attemptId: AttemptId; readonly at: Millis }
  | { readonly kind: 'resumed'; readonly attemptId: AttemptId }
  | {
      readonly kind: 'ended'
      readonly attemptId: AttemptId
      readonly at: Millis
      readonly outcome: AttemptOutcome
      readonly failure?: Failure
    }

/** Why an event does not count: data, for logs and acks. */
export type RefusalCode =
  | 'already-ended'
  | 'not-current-attempt'
  | 'not-queued'
  | 'not-assigned'
  | 'not-running'
  | 'not-before'
  | 'already-cancelling'

/** One accepted event leaves exactly one audit event (J8); a refused one none. */
export type Step =
  | {
      readonly kind: 'accepted'
      readonly job: Job
      readonly effects: readonly JobEffect[]
      readonly attempts: readonly AttemptChange[]
      readonly audit: {
        readonly action: string
        readonly detail: Readonly<Record<string, string | number | boolean>>
      }
    }
  | { readonly kind: 'refused'; readonly reason: RefusalCode }
