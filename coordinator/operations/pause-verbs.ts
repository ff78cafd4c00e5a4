import { AppError } from '../../shared/errors/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { WriteTx } from '../store/port.ts'
import type { AgentRecord, PauseRecord, PauseScope } from '../store/records.ts'
import type { Asked } from './alert-verbs.ts'
import { actorText } from './apply-job-event.ts'
import { once } from './once.ts'
import { pauseKey } from './pauses.ts'
import { actorOf, type Principal } from './principal.ts'
import { afterCommit, type Term } from './term.ts'

/** Longest pause with an end; one without stands until somebody ends it, and is a gap all the while (P1). */
const longest: Duration = 366 * 24 * 3_600_000

/** What is to be paused or resumed. */
export interface PauseSubject {
  readonly scope: PauseScope
  /** Database id, hostname, datacenter; empty for the fleet. */
  readonly subject: string
  /** As people name it. */
  readonly name: string
}

/**
 * Keeps scheduled backups of a database, a host, a site or the fleet from starting. What runs goes on, what a person
 * starts by hand starts, and the RPO clock runs on: a pause explains a breach, it does not hide one (P1). A pause
 * that stands is replaced.
 */
export async function pause(
  principal: Principal,
  {
    scope,
    subject,
    name,
    duration,
    requestId,
    reason,
  }: Asked & PauseSubject & { readonly duration?: Duration },
  term: Term,
): Promise<PauseRecord> {
  fleetOnly(principal)
  const wrong = (field: string, expected: string) =>
    new AppError('request.invalid', {
      message: `${field}: expected ${expected}`,
      context: { field, expected },
    })
  if (reason.trim() === '') throw wrong('reason', 'why its backups are not to run')
  if (duration !== undefined && !(duration > 0 && duration <= longest))
    throw wrong('duration_ms', 'up to 366 days')
  const answer = await once(
    term,
    'pause',
    requestId,
    { scope, subject, duration: duration ?? 0 },
    async tx => {
      const at = term.clock.now().wall
      const record: PauseRecord = {
        key: pauseKey(scope, subject),
        ...{ scope, subject, name, reason },
        by: actorText(actorOf(principal)),
        since: at,
        ...(duration === undefined ? {} : { until: at + duration }),
      }
      await tx.pauses.put(record)
      await audit(tx, principal, `${scope}.paused`, record, reason, at)
      afterCommit(term, tx, () => {
        term.pauses.set(record)
        term.wakePlanner()
      })
      return { pause: record }
    },
  )
  return answer.pause
}

/** Ends a pause. @throws AppError `not-found` when there is none that holds */
export async function resume(
  principal: Principal,
  { scope, subject, name, requestId, reason }: Asked & PauseSubject,
  term: Term,
): Promise<PauseRecord> {
  fleetOnly(principal)
  const answer = await once(term, 'resume', requestId, { scope, subject }, async tx => {
    const at = term.clock.now().wall
    const record = await tx.pauses.get(pauseKey(scope, subject))
    if (record === undefined || (record.until !== undefined && record.until <= at))
      throw new AppError('not-found', {
        message: `${scope === 'fleet' ? 'the fleet' : `${scope} \`${name}\``} is not paused`,
        hint: '`holdfast pause list` shows what is.',
      })
    await tx.pauses.remove(record.key)
    await audit(tx, principal, `${scope}.resumed`, record, reason, at)
    afterCommit(term, tx, () => {
      term.pauses.remove(record.key)
      term.wakePlanner()
    })
    return { pause: record }
  })
  return answer.pause
}

/**
 * Drains an agent, or ends that: one that drains finishes what it has in hand and is given nothing new, by schedule
 * or by hand. It stays so over restarts of both sides.
 */
export async function setDraining(
  principal: Principal,
  { agent, draining, requestId, reason }: Asked & { readonly agent: AgentRecord; readonly draining: boolean },
  term: Term,
): Promise<void> {
  fleetOnly(principal)
  await once(term, draining ? 'drain' : 'undrain', requestId, { agentId: agent.id }, async tx => {
    const standing = await tx.agents.get(agent.id)
    if (standing === undefined) throw new AppError('not-found')
    if (standing.draining === draining) return {}
    const at = term.clock.now().wall
    await tx.agents.put({ ...standing, draining })
    await tx.audit.append({
      at,
      class: 'history',
      actor: actorText(actorOf(principal)),
      action: draining ? 'agent.drained' : 'agent.undrained',
      subject: agent.id,
      reason,
      detail: { host: agent.hostname },
    })
    afterCommit(term, tx, () => {
      term.live.setDraining(agent.id, draining)
      term.messenger.drain(agent.id, draining, reason)
      term.wakePlanner()
    })
    return {}
  })
}

function audit(
  tx: WriteTx,
  principal: Principal,
  action: string,
  { key, name, until }: PauseRecord,
  reason: string,
  at: Millis,
) {
  return tx.audit.append({
    at,
    class: 'history',
    actor: actorText(actorOf(principal)),
    action,
    subject: key,
    reason,
    detail: { name, ...(until === undefined ? {} : { until }) },
  })
}

/** Hosts and sites belong to the whole fleet. */
function fleetOnly(principal: Principal): void {
  if (principal.scope.kind !== 'fleet')
    throw new AppError('access.denied', { message: 'this touches the whole fleet, your scope does not' })
}
