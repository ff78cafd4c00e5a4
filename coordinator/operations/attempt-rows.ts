import type { AttemptChange } from '../jobs/event.ts'
import type { Job } from '../jobs/job.ts'
import type { WriteTx } from '../store/port.ts'
import type { AttemptRecord } from '../store/records.ts'
import { reclaimed } from './result.ts'
import type { Term } from './term.ts'

/** Writes what a step said of attempts. An `ended` replaces an earlier one, `resumed` takes it back. */
export async function writeAttempts(
  tx: WriteTx,
  job: Job,
  changes: readonly AttemptChange[],
  term: Term,
): Promise<void> {
  for (const change of changes) {
    if (change.kind === 'made') {
      const { attempt } = change
      await tx.attempts.insert({
        id: attempt.id,
        jobId: job.id,
        epoch: attempt.epoch,
        agentId: attempt.agentId,
        bootId: term.live.record(attempt.agentId)?.bootId ?? '',
        assignedAt: attempt.assignedAt,
      })
      continue
    }
    const row = await tx.attempts.get(change.attemptId)
    if (row === undefined) continue
    await tx.attempts.update(changed(row, change))
    if (change.kind === 'ended' && change.outcome === 'lost') await suspectDebris(tx, row, change.at)
    // it works on: what it stores is its own again
    if (change.kind === 'resumed') await tx.debris.remove(row.id)
  }
}

function changed(row: AttemptRecord, change: Exclude<AttemptChange, { kind: 'made' }>): AttemptRecord {
  switch (change.kind) {
    case 'started':
      return { ...row, startedAt: change.at }
    case 'resumed': {
      // what a keeper began to delete cannot become a backup, whoever goes on with it
      if (row.outcome === reclaimed) return row
      const { endedAt: _, outcome: __, failure: ___, ...live } = row
      return live
    }
    case 'ended':
      return {
        ...row,
        endedAt: change.at,
        outcome: row.outcome === reclaimed ? reclaimed : change.outcome,
        ...(change.failure === undefined ? {} : { failure: change.failure }),
      }
  }
}

/**
 * An attempt whose agent is lost may have left uploads open: owned from this moment (P4), touched only once
 * the agent is gone for good; a later result of it settles the matter.
 */
export async function suspectDebris(tx: WriteTx, row: AttemptRecord, at: number): Promise<void> {
  // before Start nothing was begun (J10)
  if (row.startedAt === undefined || row.attemptPrefix === undefined || row.destination === undefined) return
  if ((await tx.backups.byAttempt(row.id)) !== undefined) return
  if ((await tx.debris.get(row.id)) !== undefined) return
  await tx.debris.put({
    attemptId: row.id,
    destination: row.destination,
    attemptPrefix: row.attemptPrefix,
    keys: [],
    foundAt: at,
    ...(row.further === undefined ? {} : { further: row.further }),
  })
}
