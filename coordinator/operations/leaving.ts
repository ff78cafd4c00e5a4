import { AppError } from '../../shared/errors/index.ts'
import { isoOf, type Millis, type Now } from '../../shared/time/index.ts'
import { isEnded } from '../jobs/job.ts'
import type { WriteTx } from '../store/port.ts'
import type { BackupDeletion, BackupHold, BackupRecord } from '../store/records.ts'
import { isBad, isProven, withoutBackup } from '../verification/index.ts'
import { isAttemptPrefix } from './attempt-keys.ts'
import { readManifest } from './check-manifest.ts'
import { presentCopies } from './copies.ts'
import { changeDatabaseState } from './database-state.ts'
import { policyOf } from './subject.ts'
import type { Term } from './term.ts'

/** Newest backups of a database in which a good one must be found before another may go. */
const looked = 200
const day = 86_400_000

/** A backup as its facts stand, without its manifest. */
type Known = Omit<BackupRecord, 'manifest'>

/** Whether somebody holds it now. */
export function isHeld(hold: BackupHold | undefined, at: Millis): boolean {
  return hold !== undefined && (hold.until === undefined || hold.until > at)
}

/** Destinations of the configuration where a copy of it lies. */
export function destinationsWith(backup: Pick<Known, 'copies'>, term: Pick<Term, 'settings'>): string[] {
  return presentCopies(backup).flatMap(({ destination }) =>
    term.settings.destinations.has(destination) ? [destination] : [],
  )
}

/** Until when Object Lock keeps it in any destination, by what is configured now; undefined where none does. */
export function lockedUntil(
  backup: Pick<Known, 'copies' | 'committedAt'>,
  term: Pick<Term, 'settings'>,
): Millis | undefined {
  const days = presentCopies(backup).map(
    each => term.settings.destinations.get(each.destination)?.settings?.objectLock?.days ?? 0,
  )
  const longest = Math.max(0, ...days)
  return longest === 0 ? undefined : backup.committedAt + longest * day
}

/** The open job that reads a backup: a restore, a copy. */
export function readerOf(backup: Pick<Known, 'id'>, term: Pick<Term, 'jobs'>) {
  for (const job of term.jobs.all())
    if ('backupId' in job.order && job.order.backupId === backup.id && !isEnded(job.state)) return job
  return undefined
}

/** What must hold for a backup to go besides that nobody holds, reads or locks it. */
export interface Standing {
  /** A newer good one must be there; else any other good one does. */
  readonly newer: boolean
  /** A person said that it may be the last good one. */
  readonly evenLast: boolean
}

/**
 * Why a backup must not go, as it stands inside this step; undefined when it may. Asked when it is marked, and again
 * before a keeper removes the first of its objects.
 */
export async function deletionProblem(
  tx: WriteTx,
  backup: Known,
  { newer, evenLast }: Standing,
  at: Millis,
  term: Term,
): Promise<AppError | undefined> {
  const context = { backup_id: backup.id }
  if (isHeld(backup.hold, at))
    return new AppError('backup.held', {
      context: { ...context, by: backup.hold?.by ?? '', reason: backup.hold?.reason ?? '' },
    })
  const reader = readerOf(backup, term)
  if (reader !== undefined)
    return new AppError('backup.in-use', { context: { ...context, job_id: reader.id, kind: reader.kind } })
  const locked = lockedUntil(backup, term)
  if (locked !== undefined && locked > at)
    return new AppError('backup.locked', { context: { ...context, until: isoOf(locked) } })
  if (evenLast) return undefined
  const others = (await othersOf(tx, backup, at, term)).filter(
    each => !newer || each.dataAsOf >= backup.dataAsOf,
  )
  if (others.length === 0) return new AppError('backup.last-good', { context })
  return newer && isProven(backup) && !others.some(isProven) && (await verifies(tx, backup, term))
    ? new AppError('backup.last-good', {
        message: 'it is the newest backup that a restore has proven',
        context,
      })
    : undefined
}

/** Whether the policy of a backup's database asks for proofs. */
async function verifies(tx: WriteTx, { databaseIds }: Known, term: Term): Promise<boolean> {
  const [databaseId] = databaseIds
  const database = databaseId === undefined ? undefined : await tx.databases.get(databaseId)
  return database !== undefined && policyOf(database, term)?.verification !== undefined
}

/** Other good backups of the same database, the newest first, as far as they are looked at. */
async function othersOf(
  tx: WriteTx,
  backup: Known,
  at: Millis,
  term: Term,
): Promise<readonly BackupRecord[]> {
  const [databaseId] = backup.databaseIds
  if (databaseId === undefined) return []
  return (await tx.backups.newestOf(databaseId, looked))
    .filter(
      each =>
        each.id !== backup.id &&
        each.deletion === undefined &&
        !isBad(each) &&
        each.dataAsOf <= at &&
        destinationsWith(each, term).length > 0,
    )
    .toSorted((a, b) => b.dataAsOf - a.dataAsOf)
}

/**
 * From this step on it is no backup any more: nothing is restored or copied from it, and the clock of its database
 * runs from another one (P1). What lies in buckets is removed afterwards, whatever dies in between.
 */
export async function markDeleting(
  tx: WriteTx,
  backup: BackupRecord,
  deletion: Omit<BackupDeletion, 'since' | 'jobs'>,
  now: Now,
  term: Term,
): Promise<BackupRecord> {
  const marked = { ...backup, deletion: { ...deletion, since: now.wall, jobs: {} } }
  await tx.backups.keep(marked)
  await tx.audit.append({
    at: now.wall,
    class: 'history',
    actor: deletion.by,
    action: 'backup.deleting',
    subject: backup.id,
    reason: deletion.reason,
    detail: {
      of: backup.subjectName,
      rule: deletion.rule,
      data_as_of: backup.dataAsOf,
      stored_bytes: backup.storedBytes,
      ...(backup.expiry === undefined ? {} : { expired_since: backup.expiry.since }),
      ...(deletion.evenLast === true ? { even_last_good: true } : {}),
    },
  })
  const [databaseId] = backup.databaseIds
  if (databaseId === undefined) return marked
  await changeDatabaseState(
    tx,
    databaseId,
    ({ verification, ...state }) => {
      const proof = withoutBackup(verification, backup.id)
      const counted = { ...state, backups: Math.max(0, state.backups - 1) }
      return proof === undefined ? counted : { ...counted, verification: proof }
    },
    now,
    term,
  )
  await fallBack(tx, marked, now, term)
  return marked
}

/** A backup counts no more: the clock of its database runs from the newest good one there is besides (P1). */
export async function fallBack(tx: WriteTx, backup: Known, now: Now, term: Term): Promise<void> {
  const [databaseId] = backup.databaseIds
  if (databaseId === undefined) return
  const [next] = await othersOf(tx, backup, now.wall, term)
  await changeDatabaseState(
    tx,
    databaseId,
    state => {
      if (state.lastBackupId !== backup.id) return state
      const { lastBackupId: _, lastDataAsOf: __, lastAssignedAt: ___, ...rest } = state
      return next === undefined ? rest : { ...rest, lastBackupId: next.id, lastDataAsOf: next.dataAsOf }
    },
    now,
    term,
  )
}

/** A backup counts after all: the clock of its database runs from it, unless from a newer one. */
export async function feedAgain(tx: WriteTx, backup: Known, now: Now, term: Term): Promise<void> {
  const [databaseId] = backup.databaseIds
  if (databaseId === undefined || isBad(backup) || backup.deletion !== undefined) return
  await changeDatabaseState(
    tx,
    databaseId,
    state =>
      state.lastDataAsOf === undefined || state.lastDataAsOf < backup.dataAsOf
        ? { ...state, lastBackupId: backup.id, lastDataAsOf: backup.dataAsOf }
        : state,
    now,
    term,
  )
}

/** It stays after all: nothing of it was removed yet. */
export async function unmarkDeleting(
  tx: WriteTx,
  backup: BackupRecord,
  now: Now,
  term: Term,
): Promise<BackupRecord> {
  const { deletion: _, expiry: __, ...kept } = backup
  await tx.backups.keep(kept)
  const [databaseId] = backup.databaseIds
  if (databaseId !== undefined)
    await changeDatabaseState(tx, databaseId, state => ({ ...state, backups: state.backups + 1 }), now, term)
  await feedAgain(tx, kept, now, term)
  return kept
}

/** The folder of its objects, as its manifest names them; undefined when it names none or several. */
export function folderOf({ manifest, attemptId }: BackupRecord): string | undefined {
  const read = readManifest(manifest)
  if (typeof read === 'string') return undefined
  const keys = read.manifest.streams.flatMap(stream => stream.objects.map(each => each.key))
  const folders = new Set(keys.map(key => key.slice(0, key.lastIndexOf('/') + 1)))
  const [only] = folders
  return folders.size === 1 && only !== undefined && isAttemptPrefix(only, attemptId) ? only : undefined
}
