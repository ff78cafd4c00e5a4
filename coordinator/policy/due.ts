import type { Millis } from '../../shared/time/index.ts'
import type { Policy, Schedule } from './policy.ts'

/** What decides when a backup is due. Times are wall clock. */
export interface DueInput {
  readonly policy: Pick<Policy, 'schedule' | 'retry'>
  /** From backups, never from jobs (P1). */
  readonly lastDataAsOf?: Millis
  /** When the last job for it ended without a backup. */
  readonly lastAttemptAt?: Millis
  readonly firstSeenAt: Millis
}

/**
 * When the next backup is due. Never backed up: since it was first seen. After a job that failed finally it is
 * due again when the policy's longest back-off has passed, not a whole interval later: the promise still runs.
 * Depends on facts, not on `now`, so that asking twice gives the same slot (J9).
 */
export function nextDue(input: DueInput): Millis {
  const { policy, lastDataAsOf, lastAttemptAt, firstSeenAt } = input
  const due = lastDataAsOf === undefined ? firstSeenAt : after(policy.schedule, lastDataAsOf)
  if (lastAttemptAt === undefined || (lastDataAsOf !== undefined && lastAttemptAt <= lastDataAsOf)) return due
  return Math.max(due, lastAttemptAt + Math.min(policy.retry.maxDelay, policy.schedule.every))
}

/**
 * The slot a due time lies in, as text: with kind and subject it is unique among open jobs (J9), so planning
 * the same need twice is a no-op.
 */
export function dueSlot(schedule: Schedule, dueAt: Millis): string {
  switch (schedule.kind) {
    case 'interval': {
      const every = Math.max(1, schedule.every)
      return `interval/${every}/${Math.floor(dueAt / every)}`
    }
  }
}

function after(schedule: Schedule, at: Millis): Millis {
  switch (schedule.kind) {
    case 'interval':
      return at + schedule.every
  }
}
