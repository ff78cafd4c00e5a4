import { isoOf } from '../../shared/time/index.ts'
import type { GapReason, Protection, ProtectionInput } from './protection.ts'

/**
 * The RPO clock (P1). It runs from the moment the last good backup's data was true, or, for want of one, from
 * when the database was first seen: absence is a failure. In order:
 *
 *  unprotected  gone from its server; no policy; or never backed up and nothing can back it up now
 *  breached     the clock is past the RPO, whatever the excuse; or its windows cannot hold a backup in time
 *  at-risk      due, and less than a quarter of the RPO is left, or the job fails, or nothing can run
 *  due          due, or never backed up
 *  protected    otherwise: a good backup inside the RPO, the next one not due yet
 *
 * `detail` names instants, never ages: it changes only when facts do, so that a look at the clock writes nothing.
 */
export function protectionOf(input: ProtectionInput): Protection {
  const judged = judge(input)
  const { paused } = input
  const silent = paused === undefined || judged.reason === '' || judged.reason === 'paused'
  // what is worse than a pause stands first, and the pause beside it
  return silent || judged.reason === 'gone' || judged.reason === 'no-policy'
    ? judged
    : { ...judged, detail: `${judged.detail}; ${paused}` }
}

function judge(input: ProtectionInput): Protection {
  const { now, policy, firstSeenAt, lastDataAsOf } = input
  if (input.goneSince !== undefined)
    return { state: 'unprotected', reason: 'gone', detail: `not seen since ${isoOf(input.goneSince)}` }
  if (policy === undefined)
    return { state: 'unprotected', reason: 'no-policy', detail: 'no policy matches it' }

  const deadline = (lastDataAsOf ?? firstSeenAt) + policy.rpo
  const dueAt = lastDataAsOf === undefined ? firstSeenAt : (input.dueAt ?? deadline)
  // A job for what refuses connections could only fail: it is not planned, its clock runs on.
  const times = input.connectable ? { dueAt, deadline } : { deadline }
  const obstacle = obstacleOf(input)

  if (now > deadline) return { state: 'breached', ...breachReason(input, deadline), ...times }
  if (input.windowTooSmall !== undefined)
    return { state: 'breached', reason: 'window-too-small', detail: input.windowTooSmall, ...times }
  if (
    lastDataAsOf === undefined &&
    obstacle !== undefined &&
    ((obstacle.reason !== 'failing' && obstacle.reason !== 'no-capacity') || input.paused !== undefined)
  )
    return { state: 'unprotected', ...obstacle, ...times }
  if (lastDataAsOf !== undefined && now < dueAt)
    return { state: 'protected', reason: '', detail: '', ...times }
  if (obstacle !== undefined) return { state: 'at-risk', ...obstacle, ...times }
  if ((deadline - now) * 4 < policy.rpo) return { state: 'at-risk', ...waiting(input, dueAt, true), ...times }
  return { state: 'due', ...waiting(input, dueAt, false), ...times }
}

type Why = { readonly reason: GapReason; readonly detail: string }

/** What keeps a backup from happening, if anything is known to. */
function obstacleOf(input: ProtectionInput): Why | undefined {
  if (input.instanceGap !== undefined)
    return { reason: input.instanceGap.code, detail: input.instanceGap.detail }
  if (!input.connectable) return { reason: 'not-connectable', detail: 'it does not allow connections' }
  if (input.consecutiveFailures > 0)
    return {
      reason: input.lastFailureCode?.startsWith('tool.') === true ? 'tools-missing' : 'failing',
      detail: failingText(input),
    }
  if (input.noCapacity !== undefined) return { reason: 'no-capacity', detail: noCapacityText(input) }
  return input.paused === undefined ? undefined : { reason: 'paused', detail: input.paused }
}

function failingText({ consecutiveFailures, failingSince, lastFailureCode }: ProtectionInput): string {
  const since = failingSince === undefined ? '' : `since ${isoOf(failingSince)}: `
  return `${since}${consecutiveFailures} in a row${lastFailureCode === undefined ? '' : `, last ${lastFailureCode}`}`
}

function noCapacityText({ now, noCapacity, policy, lastDataAsOf, firstSeenAt }: ProtectionInput): string {
  const deadline = (lastDataAsOf ?? firstSeenAt) + (policy?.rpo ?? 0)
  return now > deadline
    ? `promised by ${isoOf(deadline)}: ${noCapacity}`
    : `by the forecast not before ${isoOf(deadline)}, when its promise breaks: ${noCapacity}`
}

function breachReason(input: ProtectionInput, deadline: number): Why {
  const obstacle = obstacleOf(input)
  if (obstacle !== undefined) return obstacle
  if (input.windowTooSmall !== undefined) return { reason: 'window-too-small', detail: input.windowTooSmall }
  if (input.jobOpen) return { reason: 'job-running', detail: `late: promised by ${isoOf(deadline)}` }
  if (input.lastDataAsOf === undefined)
    return { reason: 'never-backed-up', detail: `first seen ${isoOf(input.firstSeenAt)}` }
  return { reason: 'overdue', detail: `last good data of ${isoOf(input.lastDataAsOf)}` }
}

function waiting(input: ProtectionInput, dueAt: number, late: boolean): Why {
  if (input.jobOpen) return { reason: 'job-running', detail: `due since ${isoOf(dueAt)}` }
  if (input.lastDataAsOf === undefined)
    return { reason: 'never-backed-up', detail: `first seen ${isoOf(input.firstSeenAt)}` }
  return { reason: late ? 'overdue' : 'backup-due', detail: `due since ${isoOf(dueAt)}` }
}
