import type { WriteTx } from '../store/port.ts'
import type { DatabaseRecord } from '../store/records.ts'
import { applyJobEvent } from './apply-job-event.ts'
import { changeDatabaseState } from './database-state.ts'
import { afterCommit, type Term } from './term.ts'

/** A database that is no longer where it was gets its tombstone; its backups stay. */
export async function vanish(tx: WriteTx, record: DatabaseRecord, term: Term): Promise<void> {
  const at = term.clock.now().wall
  await putDatabase(tx, { ...record, goneSince: at }, term)
  await tx.audit.append({
    at,
    class: 'history',
    actor: 'system',
    action: 'database.vanished',
    subject: record.id,
    reason: '',
    detail: { name: record.name, cluster_id: record.clusterId },
  })
  await cancelQueuedBackup(tx, record, term)
}

/**
 * A backup that waits for a database that was dropped or renamed can only fail: it ends as cancelled, with the reason.
 * One that an agent holds goes on: the agent sees the truth, and may be past its snapshot (J13). Restores stay: a
 * dropped database is what they are for.
 */
async function cancelQueuedBackup(tx: WriteTx, record: DatabaseRecord, term: Term): Promise<void> {
  const state = await tx.databases.state(record.id)
  const job = state?.openJobId === undefined ? undefined : await tx.jobs.get(state.openJobId)
  if (job?.kind !== 'backup' || job.state.kind !== 'queued') return
  const reason = 'the database is no longer on its server: dropped or renamed'
  const by = { kind: 'system', name: '' } as const
  const now = term.clock.now()
  await applyJobEvent(tx, job.id, { kind: 'cancel', by, reason }, now, term)
  // nobody asked for a pause: should it come back, it is due at once
  await changeDatabaseState(
    tx,
    record.id,
    ({ lastFailure: _, nextDueAt: __, ...rest }) =>
      state?.lastFailure === undefined ? rest : { ...rest, lastFailure: state.lastFailure },
    now,
    term,
  )
}

/** Writes a database, judges its promise anew, and lets memory follow the commit. */
export async function putDatabase(tx: WriteTx, record: DatabaseRecord, term: Term): Promise<void> {
  await tx.databases.put(record)
  afterCommit(term, tx, () => term.fleet.setDatabase(record))
  await changeDatabaseState(tx, record.id, state => state, term.clock.now(), term)
}
