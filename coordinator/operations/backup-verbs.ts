import { AppError } from '../../shared/errors/index.ts'
import type { BackupId } from '../../shared/model/identifiers.ts'
import type { WriteTx } from '../store/port.ts'
import type { BackupRecord } from '../store/records.ts'
import type { Asked } from './alert-verbs.ts'
import { actorText } from './apply-job-event.ts'
import { type Approvable, onceApproved } from './approve.ts'
import { deletionProblem, isHeld, markDeleting, unmarkDeleting } from './leaving.ts'
import { once } from './once.ts'
import { actorOf, covers, type Principal } from './principal.ts'
import type { Term } from './term.ts'

/** A verb about one backup. */
export interface BackupAsked extends Asked {
  readonly backupId: BackupId
}

/**
 * Deletes a backup everywhere: from this step on it is none, and keepers remove what lies in buckets.
 *
 * @param request.evenLastGood also when nothing else of its database is left
 * @throws AppError `not-found`, `backup.held`, `backup.in-use`, `backup.locked`, `backup.last-good`, `backup.deleting`, `approval.*`
 */
export async function deleteBackup(
  principal: Principal,
  request: BackupAsked & Approvable & { readonly evenLastGood: boolean },
  term: Term,
): Promise<void> {
  const { backupId, evenLastGood, reason } = request
  demandReason(reason)
  await onceApproved(
    term,
    principal,
    'delete-backup',
    request,
    { backupId, evenLastGood },
    async (tx, approved) => {
      const backup = await find(tx, backupId, principal)
      if (backup.deletion !== undefined) throw deleting(backup)
      const now = term.clock.now()
      const standing = { newer: false, evenLast: evenLastGood }
      const problem = await deletionProblem(tx, backup, standing, now.wall, term)
      if (problem !== undefined) throw problem
      await approved('delete-backup', `delete ${backup.id} of ${backup.subjectName}`)
      const by = actorText(actorOf(principal))
      const last = evenLastGood ? { evenLast: true as const } : {}
      await markDeleting(tx, backup, { by, reason, rule: '', ...last }, now, term)
      return {}
    },
  )
}

/**
 * Holds a backup: no rule and nobody deletes it until it is released, or `until` has come. One that is being deleted
 * stays after all, as long as nothing of it was removed.
 *
 * @throws AppError `not-found`, `backup.deleting` when it is too late, `request.invalid`
 */
export async function holdBackup(
  principal: Principal,
  { backupId, until, requestId, reason }: BackupAsked & { readonly until?: number },
  term: Term,
): Promise<void> {
  demandReason(reason)
  await once(term, 'hold-backup', requestId, { backupId, until: until ?? 0 }, async tx => {
    const found = await find(tx, backupId, principal)
    const now = term.clock.now()
    const at = now.wall
    if (until !== undefined && until <= at)
      throw new AppError('request.invalid', {
        message: 'until: is past',
        context: { field: 'until', expected: 'a time that is still to come' },
      })
    if (found.deletion?.begunAt !== undefined) throw deleting(found)
    const stays = found.deletion === undefined ? found : await unmarkDeleting(tx, found, now, term)
    const { expiry: _, ...backup } = stays
    const by = actorText(actorOf(principal))
    const hold = { by, at, reason, ...(until === undefined ? {} : { until }) }
    await tx.backups.keep({ ...backup, hold })
    await audit(tx, principal, 'backup.held', backup, reason, at, {
      ...(until === undefined ? {} : { until }),
      ...(found.deletion === undefined ? {} : { taken_back: true }),
    })
    return {}
  })
}

/** Ends a hold. @throws AppError `not-found`, `conflict` when nobody holds it, `approval.*` */
export async function releaseBackup(
  principal: Principal,
  request: BackupAsked & Approvable,
  term: Term,
): Promise<void> {
  const { backupId, reason } = request
  await onceApproved(term, principal, 'release-hold', request, { backupId }, async (tx, approved) => {
    const found = await find(tx, backupId, principal)
    const at = term.clock.now().wall
    const { hold, ...backup } = found
    if (hold === undefined || !isHeld(hold, at))
      throw new AppError('conflict', {
        message: 'nobody holds this backup',
        context: { backup_id: backupId },
      })
    await approved('release-hold', `release the hold on ${found.id} of ${found.subjectName}`)
    await tx.backups.keep(backup)
    await audit(tx, principal, 'backup.released', found, reason, at, { held_by: hold.by })
    return {}
  })
}

/**
 * Lets go what has expired by now although it is more than usual.
 *
 * @throws AppError `access.denied`, `approval.*`
 */
export async function releaseBrake(
  principal: Principal,
  request: Asked & Approvable,
  term: Term,
): Promise<void> {
  const { reason } = request
  demandReason(reason)
  if (principal.scope.kind !== 'fleet')
    throw new AppError('access.denied', { message: 'this touches the whole fleet, your scope does not' })
  await onceApproved(term, principal, 'release-brake', request, {}, async (tx, approved) => {
    const beyond = term.brake?.beyond ?? 0
    await approved('delete-backup', `let retention delete ${beyond} backups beyond what is usual`)
    const at = term.clock.now().wall
    const by = actorText(actorOf(principal))
    await tx.brakeReleases.append({ at, by, reason })
    await tx.audit.append({
      at,
      class: 'history',
      actor: by,
      action: 'retention.released',
      subject: 'retention',
      reason,
      detail: { beyond, limit: term.brake?.limit ?? 0, total: term.brake?.total ?? 0 },
    })
    return {}
  })
}

async function find(tx: WriteTx, id: BackupId, principal: Principal): Promise<BackupRecord> {
  const backup = await tx.backups.get(id)
  if (backup === undefined || !covers(principal.scope, backup.clusterId))
    throw new AppError('not-found', { message: `there is no backup \`${id}\`` })
  return backup
}

function deleting({ id }: BackupRecord): AppError {
  return new AppError('backup.deleting', { context: { backup_id: id } })
}

/** Why a backup went, or was kept, is asked years later. */
function demandReason(reason: string): void {
  if (reason.trim() === '')
    throw new AppError('request.invalid', {
      message: 'reason: is missing',
      context: { field: 'reason', expected: 'why: it goes into the audit' },
    })
}

function audit(
  tx: WriteTx,
  principal: Principal,
  action: string,
  backup: Pick<BackupRecord, 'id' | 'subjectName'>,
  reason: string,
  at: number,
  detail: Readonly<Record<string, string | number | boolean>>,
) {
  return tx.audit.append({
    at,
    class: 'history',
    actor: actorText(actorOf(principal)),
    action,
    subject: backup.id,
    reason,
    detail: { of: backup.subjectName, ...detail },
  })
}
