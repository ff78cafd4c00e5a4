import type { Millis } from '../../shared/time/index.ts'
import { nextInstant } from './cron.ts'
import type { Policy, Schedule } from './policy.ts'

/** What decides when a backup is due. Times are wall clock. */
export interface DueInput {
  readonly policy: Pick<Policy, 'schedule' | 'retry'>
  /** From backups, never from jobs (P1). */
  readonly lastDataAsOf?: Millis
  /** When the attempt that made it was given out. */
  readonly lastAssignedAt?: Millis
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
  const { policy, lastDataAsOf, lastAssignedAt, lastAttemptAt, firstSeenAt } = input
  const due =
    lastDataAsOf === undefined ? firstSeenAt : dueAfter(policy.schedule, lastDataAsOf, lastAssignedAt)
  if (lastAttemptAt === undefined || (lastDataAsOf !== undefined && lastAttemptAt <= lastDataAsOf)) return due
  return Math.max(due, lastAttemptAt + Math.min(policy.retry.maxDelay, policy.schedule.every))
}

/**
 * The slot a due time lies in, as text: with kind and subject it is unique among open jobs (J9), so planning
 * the same need twice is a no-op.
 */
export function dueSlot(schedule: Schedule, dueAt: Millis): string {
  switch (schedule.kind) {
    case 'interval':
    case 'auto': {
      const every = Math.max(1, schedule.every)
      return `interval/${every}/${Math.floor(dueAt / every)}`
    }
    case 'cron':
      // one open job a database whatever the slot: the instant itself names it
      return `cron/${dueAt}`
  }
}

/**
 * When the next backup is due after one whose data is of `dataAsOf`.
 *
 * @param assignedAt when its attempt was given out: a replica that lags has data from before the instant of a cron
 * schedule that the backup was made for, and must not be backed up for it again
 */
export function dueAfter(schedule: Schedule, dataAsOf: Millis, assignedAt = dataAsOf): Millis {
  switch (schedule.kind) {
    case 'interval':
    case 'auto':
      return dataAsOf + schedule.every
    case 'cron':
      return nextInstant(schedule.expression, schedule.zone, Math.max(dataAsOf, assignedAt))
  }
}
