import type { DatabaseId } from '../../shared/model/identifiers.ts'
import type { Now } from '../../shared/time/index.ts'
import type { Policy } from '../policy/index.ts'
import { isAhead, isFromTheFuture, isVouchedFor } from '../protection/future.ts'
import type { WriteTx } from '../store/port.ts'
import type { BackupRecord, DatabaseStateRecord } from '../store/records.ts'
import { readManifest } from './check-manifest.ts'
import { correctedDataAsOf } from './data-as-of.ts'
import { changeDatabaseState } from './database-state.ts'
import { putInstance } from './reconcile-fleet.ts'
import { type Term, write } from './term.ts'

/** Backups of a database that are looked at: a clock is wrong for days, not for years. */
const most = 100

/** Whether the times of a database were written down by a clock that was ahead, and may be corrected now. */
export function wantsCorrection(
  state: DatabaseStateRecord,
  policy: Pick<Policy, 'rpo' | 'schedule' | 'retry'> | undefined,
  now: Now,
  term: Term,
): boolean {
  const longest = Math.max(policy?.rpo ?? 0, policy?.schedule.every ?? 0, policy?.retry.maxDelay ?? 0)
  return isFromTheFuture(state, longest, now.wall) && isVouchedFor(offsetsOf(term))
}

/** Those instances that were first seen at a time yet to come: their RPO clock would stand until then. They are seen from now on. */
export async function correctFirstSights(term: Term): Promise<void> {
  const now = term.clock.now().wall
  const wrong = [...term.fleet.instances()].filter(each => isAhead(each.firstSeenAt, now))
  if (wrong.length === 0 || !isVouchedFor(offsetsOf(term))) return
  for (const { id } of wrong)
    await write(term, 'corrected-times', async tx => {
      const fresh = await tx.instances.get(id)
      if (fresh !== undefined) await putInstance(tx, { ...fresh, firstSeenAt: now }, term)
    })
}

/**
 * Corrects what this coordinator wrote down while its own clock was ahead: data of a moment that is yet to come would
 * keep an RPO clock standing, and hide that no backup is made (P1). When a backup's data was true is reckoned again from its
 * manifest, which the database server's clock dated, and is now at the latest; its manifest stays as it is. What
 * waits until then waits no more.
 */
export async function correctTimes(databaseId: DatabaseId, term: Term): Promise<void> {
  await write(term, 'corrected-times', async tx => {
    const now = term.clock.now()
    const kept: { readonly id: BackupRecord['id']; readonly at: number }[] = []
    for (const { id, dataAsOf } of await tx.backups.newestOf(databaseId, most))
      kept.push({ id, at: isAhead(dataAsOf, now.wall) ? await correct(tx, id, now, term) : dataAsOf })
    const newest = kept.reduce<(typeof kept)[number] | undefined>(
      (best, each) => (best === undefined || each.at > best.at ? each : best),
      undefined,
    )
    await changeDatabaseState(
      tx,
      databaseId,
      ({ nextDueAt: _, lastAssignedAt = 0, failingSince, ...state }) => ({
        ...state,
        clockFrom: Math.min(state.clockFrom, now.wall),
        ...(failingSince === undefined ? {} : { failingSince: Math.min(failingSince, now.wall) }),
        ...(newest === undefined
          ? withoutBackup(state, now)
          : {
              lastBackupId: newest.id,
              lastDataAsOf: newest.at,
              ...(isAhead(lastAssignedAt, now.wall) || lastAssignedAt === 0 ? {} : { lastAssignedAt }),
            }),
      }),
      now,
      term,
    )
  })
}

/** Its backups were deleted meanwhile, or never were. */
function withoutBackup({ lastDataAsOf }: DatabaseStateRecord, now: Now): Partial<DatabaseStateRecord> {
  return lastDataAsOf === undefined ? {} : { lastDataAsOf: Math.min(lastDataAsOf, now.wall) }
}

async function correct(tx: WriteTx, id: BackupRecord['id'], now: Now, term: Term): Promise<number> {
  const backup = await tx.backups.get(id)
  if (backup === undefined) return 0
  const read = readManifest(backup.manifest)
  const dataAsOf =
    typeof read === 'string'
      ? now.wall
      : correctedDataAsOf({
          dataAsOf: read.manifest.data_as_of,
          clockOffsetMs: (term.live.clockOffset(backup.agentId) ?? 0) - read.manifest.clock_offset_ms,
          // when the attempt was given out is from the same clock
          assignedAt: 0,
          receivedAt: now.wall,
          replica: true,
        })
  await tx.backups.keep({ ...backup, dataAsOf })
  await tx.audit.append({
    at: now.wall,
    class: 'history',
    actor: 'system',
    action: 'backup.time-corrected',
    subject: id,
    reason: 'the clock of the coordinator was ahead when it was recorded',
    detail: { before: backup.dataAsOf, data_as_of: dataAsOf },
  })
  return dataAsOf
}

function offsetsOf({ live }: Term): readonly number[] {
  return live
    .ids()
    .filter(id => live.isConnected(id))
    .flatMap(id => live.clockOffset(id) ?? [])
}
