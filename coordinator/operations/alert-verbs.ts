import { AppError } from '../../shared/errors/index.ts'
import { type AlertId, isId, type SilenceId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { type Notifier, testChannel } from '../alerts/index.ts'
import { selects } from '../alerts/rules/selector.ts'
import type { WriteTx } from '../store/port.ts'
import type { AlertRecord, Labels, SilenceRecord } from '../store/records.ts'
import { actorText } from './apply-job-event.ts'
import { once } from './once.ts'
import { actorOf, type Principal } from './principal.ts'
import { afterCommit, type Term, write } from './term.ts'

/** Longest silence: a month. What is quiet for longer is no longer looked for. */
const longestSilence: Duration = 31 * 24 * 3_600_000

/** What every mutation of alerts carries. */
export interface Asked {
  readonly requestId: string
  readonly reason: string
}

/**
 * Says that somebody looks after an open alert: no reminders while it does not get worse.
 *
 * @param reference its id, or the dedup key of an open one
 * @throws AppError `not-found`, `conflict` when it is over
 */
export async function ackAlert(
  principal: Principal,
  { alert: reference, requestId, reason }: Asked & { readonly alert: string },
  term: Term,
): Promise<AlertRecord> {
  fleetOnly(principal)
  const answer = await once(term, 'ack-alert', requestId, { alert: reference }, async tx => {
    const alert = await find(tx, reference)
    if (alert.state !== 'open')
      throw new AppError('conflict', {
        message: 'the alert is over',
        hint: 'There is nothing left to look after.',
        context: { alert_id: alert.id },
      })
    const at = term.clock.now().wall
    const by = actorText(actorOf(principal))
    const { lookAt: _, ...rest } = alert
    const acked: AlertRecord = { ...rest, ack: { by, at, reason } }
    await tx.alerts.put(acked)
    await audit(tx, principal, 'alert.acknowledged', alert.id, reason, { dedup_key: alert.dedupKey }, at)
    afterCommit(term, tx, () => term.alerts.set(acked))
    return { alertId: alert.id }
  })
  const alert = await term.store.read.alert(answer.alertId)
  if (alert === undefined) throw new AppError('not-found')
  return alert
}

/** Keeps people from being told of matching alerts for a while; what is still wrong when it ends is told then. */
export async function silenceAlerts(
  principal: Principal,
  asked: Asked & { readonly selector: Labels; readonly duration: Duration },
  term: Term,
): Promise<{ readonly silence: SilenceRecord; readonly matches: number }> {
  fleetOnly(principal)
  const { selector, duration, requestId, reason } = asked
  const wrong = (field: string, expected: string) =>
    new AppError('request.invalid', {
      message: `${field}: expected ${expected}`,
      context: { field, expected },
    })
  if (reason.trim() === '') throw wrong('reason', 'why nobody is to be told')
  if (Object.keys(selector).length === 0)
    throw wrong('selector', 'at least one key: a silence over everything hides everything')
  if (!(duration > 0 && duration <= longestSilence)) throw wrong('duration_ms', 'up to 31 days')
  const { silence } = await once(term, 'silence-alerts', requestId, { selector, duration }, async tx => {
    const at = term.clock.now().wall
    const silence: SilenceRecord = {
      id: term.newId('silence'),
      selector,
      reason,
      by: actorText(actorOf(principal)),
      createdAt: at,
      endsAt: at + duration,
    }
    await tx.silences.put(silence)
    const detail = { selector: JSON.stringify(selector), ends_at: silence.endsAt }
    await audit(tx, principal, 'alert.silenced', silence.id, reason, detail, at)
    afterCommit(term, tx, () => term.alerts.setSilence(silence, at))
    return { silence }
  })
  return { silence, matches: [...term.alerts.all()].filter(alert => selects(selector, alert)).length }
}

/** Ends a silence now. @throws AppError `not-found`, `conflict` when it is over */
export async function endSilence(
  principal: Principal,
  { silenceId, requestId, reason }: Asked & { readonly silenceId: SilenceId },
  term: Term,
): Promise<SilenceRecord> {
  fleetOnly(principal)
  const { silence } = await once(term, 'end-silence', requestId, { silenceId }, async tx => {
    const standing = await tx.silences.get(silenceId)
    if (standing === undefined)
      throw new AppError('not-found', {
        message: `there is no silence \`${silenceId}\``,
        hint: '`holdfast alert silences` shows what there is.',
      })
    const at = term.clock.now().wall
    if (standing.endsAt <= at) throw new AppError('conflict', { message: 'the silence is over' })
    const silence = { ...standing, endsAt: at }
    await tx.silences.put(silence)
    await audit(tx, principal, 'alert.silence-ended', silenceId, reason, {}, at)
    afterCommit(term, tx, () => term.alerts.setSilence(silence, at))
    return { silence }
  })
  return silence
}

/**
 * Sends a marked message to one channel now, past routes, silences and the outbox, and tells what it answered.
 *
 * @throws AppError `not-found`
 */
export async function testAlertChannel(
  principal: Principal,
  { channel, requestId, reason }: Asked & { readonly channel: string },
  notifiers: ReadonlyMap<string, Notifier>,
  term: Term,
  signal: AbortSignal,
): Promise<{ readonly delivered: boolean; readonly answer: string; readonly tookMs: Duration }> {
  fleetOnly(principal)
  const notifier = notifiers.get(channel)
  if (notifier === undefined)
    throw new AppError('not-found', {
      message: `there is no alert channel \`${channel}\``,
      hint: `Configured are: ${[...notifiers.keys()].join(', ') || 'none'}.`,
    })
  const began = term.clock.now()
  await write(term, 'test-channel', tx =>
    audit(tx, principal, 'alert.channel-tested', channel, reason, { request_id: requestId }, began.wall),
  )
  const by = actorText(actorOf(principal))
  const delivery = await testChannel(notifier, { id: term.newId('alert'), by, at: began.wall }, signal)
  return {
    delivered: delivery.kind === 'delivered',
    answer: delivery.kind === 'delivered' ? (delivery.note ?? 'taken') : delivery.error,
    tookMs: term.clock.now().mono - began.mono,
  }
}

async function find(tx: WriteTx, reference: string): Promise<AlertRecord> {
  const alert = isId('alert', reference)
    ? await tx.alerts.get(reference as AlertId)
    : await tx.alerts.openByKey(reference)
  if (alert === undefined)
    throw new AppError('not-found', {
      message: `there is no alert \`${reference.slice(0, 200)}\``,
      hint: '`holdfast alert list` shows what there is.',
    })
  return alert
}

function audit(
  tx: WriteTx,
  principal: Principal,
  action: string,
  subject: string,
  reason: string,
  detail: Readonly<Record<string, string | number>>,
  at: Millis,
) {
  return tx.audit.append({
    at,
    class: 'history',
    actor: actorText(actorOf(principal)),
    action,
    subject,
    reason,
    detail,
  })
}

/** Alerts speak of the whole fleet. */
function fleetOnly(principal: Principal): void {
  if (principal.scope.kind !== 'fleet')
    throw new AppError('access.denied', { message: 'alerts speak of the whole fleet, your scope does not' })
}
