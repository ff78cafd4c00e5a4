import type { BackupId } from '../../shared/model/identifiers.ts'
import type { Now } from '../../shared/time/index.ts'
import { type BackupToDelete, isEnded, type Job, type RetryRule, subjectKey } from '../jobs/job.ts'
import type { WriteTx } from '../store/port.ts'
import type { BackupRecord } from '../store/records.ts'
import { createJob } from './create-job.ts'
import { folderOf } from './leaving.ts'
import { afterCommit, type Term, write } from './term.ts'

/** Backups of one delete job. */
const most = 100
/** Looked at in one look. */
const looked = 1_000
/** Before Start only; a delete that ran is followed by another job (J11). */
const retry: RetryRule = { maxAttempts: 5, baseDelay: 5_000, maxDelay: 60_000 }

/**
 * Has keepers remove what lies of backups that are being deleted: one delete job a destination at a time, again and
 * again until nothing is left. Resolves with how many jobs were made.
 */
export async function deleteLeaving(term: Term): Promise<number> {
  const keeper = term.live.records().some(each => each.keeper && term.live.isConnected(each.id))
  const { items } = await term.store.read.leavingBackups({ size: looked }, 'deleting')
  const byDestination = new Map<string, BackupId[]>()
  const alone = new Set<string>()
  for (const backup of items) {
    const left = backup.copies.filter(each => term.settings.destinations.has(each.destination))
    // its last destination left the configuration meanwhile
    if (left.length === 0)
      await write(term, 'delete', tx => buryIfGone(tx, backup.id, term.clock.now(), term))
    if (!keeper) continue
    for (const { destination } of left) {
      const list = byDestination.get(destination) ?? []
      const turn = list.length >= most ? 'later' : await turnOf(backup, destination, term)
      if (turn === 'later' || alone.has(destination)) continue
      if (turn === 'alone') {
        if (list.length > 0) continue
        alone.add(destination)
      }
      byDestination.set(destination, [...list, backup.id])
    }
  }
  let made = 0
  for (const [destination, ids] of byDestination) if (await handOver(destination, ids, term)) made++
  return made
}

/**
 * Whether it is a backup's turn: no job of a destination is at work on it, and a last one that failed is over for long
 * enough. After that it goes by itself: one that cannot be deleted keeps no other from being told as gone.
 */
async function turnOf(
  { deletion }: BackupRecord,
  destination: string,
  term: Term,
): Promise<'together' | 'alone' | 'later'> {
  const jobId = deletion?.jobs[destination]
  const job = jobId === undefined ? undefined : await term.store.read.job(jobId)
  if (job === undefined) return 'together'
  const { state } = job
  if (!isEnded(state) || !('endedAt' in state)) return 'later'
  return state.endedAt + term.settings.times.debrisRetry <= term.clock.now().wall ? 'alone' : 'later'
}

function handOver(destination: string, ids: readonly BackupId[], term: Term): Promise<boolean> {
  return write(term, 'delete', async tx => {
    const subject = { scope: 'destination', destination } as const
    if ((await tx.jobs.openFor('delete', subjectKey(subject))) !== undefined) return false
    const taken: BackupRecord[] = []
    const backups: BackupToDelete[] = []
    for (const id of ids) {
      const backup = await tx.backups.get(id)
      const copy = backup?.copies.find(each => each.destination === destination)
      if (backup?.deletion === undefined || copy === undefined) continue
      const attemptPrefix = folderOf(backup)
      if (attemptPrefix === undefined) {
        term.log.error('a backup cannot be deleted: its manifest does not say where its objects lie', {
          backup_id: id,
        })
        continue
      }
      const { manifestKey } = copy
      taken.push(backup)
      backups.push({ backupId: id, manifestKey, manifestSha256: backup.manifestSha256, attemptPrefix })
    }
    if (taken.length === 0) return false
    const now = term.clock.now()
    const { job } = await createJob(
      tx,
      {
        order: { kind: 'delete', destination, keys: [], attemptPrefixes: [], backups },
        subject,
        dueSlot: `expired/${now.wall}`,
        dueAt: now.wall,
        origin: 'schedule',
        requestedBy: { kind: 'system', name: '' },
        reason: '',
        retry,
        decision: {
          code: 'expired',
          text: `${taken.length} backups are to go from ${destination}`,
          numbers: { backups: taken.length },
        },
      },
      now,
      term,
    )
    for (const backup of taken) {
      const { deletion } = backup
      if (deletion !== undefined)
        await tx.backups.keep({
          ...backup,
          deletion: { ...deletion, jobs: { ...deletion.jobs, [destination]: job.id } },
        })
    }
    return true
  })
}

/** A delete job ended well: its destination is done with, and a backup that lies nowhere any more is gone. */
export async function settleDeleted(
  tx: WriteTx,
  job: Job,
  freedBytes: number,
  now: Now,
  term: Term,
): Promise<void> {
  const { order } = job
  if (order.kind !== 'delete' || order.backups === undefined) return
  for (const { backupId } of order.backups) {
    const backup = await tx.backups.get(backupId)
    // one that stays after all was not removed: its keeper was given no grant
    if (backup?.deletion?.jobs[order.destination] !== job.id) continue
    await tx.backups.removeCopy(backupId, order.destination)
    await buryIfGone(tx, backupId, now, term)
  }
  afterCommit(term, tx, () => term.meter.bytesFreed(freedBytes))
}

async function buryIfGone(tx: WriteTx, id: BackupId, now: Now, term: Term): Promise<void> {
  const backup = await tx.backups.get(id)
  if (backup?.deletion === undefined) return
  const left = backup.copies.map(each => each.destination)
  if (left.some(each => term.settings.destinations.has(each))) return
  const { manifest: _, copies: __, deletion, ...rest } = backup
  await tx.backups.bury({ ...rest, deletion, deletedAt: now.wall, leftBehind: left })
  await tx.audit.append({
    at: now.wall,
    class: 'history',
    actor: deletion.by,
    action: 'backup.deleted',
    subject: id,
    reason: deletion.reason,
    detail: {
      of: backup.subjectName,
      rule: deletion.rule,
      manifest_sha256: backup.manifestSha256,
      stored_bytes: backup.storedBytes,
      jobs: Object.values(deletion.jobs).join(' '),
      ...(left.length === 0 ? {} : { left_behind: left.join(' ') }),
    },
  })
  await tx.counters.add('backups.deleted', 1)
  afterCommit(term, tx, () => {
    term.meter.backupDeleted(deletion.rule === '' ? 'request' : 'retention')
    term.log.info('backup deleted', { backup_id: id, subject: backup.subjectName, reason: deletion.rule })
  })
}
