import { isEnded, type RetryRule, subjectKey } from '../jobs/index.ts'
import type { DebrisRecord } from '../store/records.ts'
import { createJob } from './create-job.ts'
import { type Term, write } from './term.ts'

/** Attempts of one delete job. */
const most = 200
/** Before Start only; a delete that ran is followed by another job (J11). */
const retry: RetryRule = { maxAttempts: 5, baseDelay: 5_000, maxDelay: 60_000 }

/**
 * Hands what failed attempts left in buckets to a keeper (P4): one delete job a destination at a time, only for
 * attempts that are certainly over. A lost agent's attempt is over when its agent is gone for good, or is back
 * and has let go of it; until then it may still come back and finish.
 */
export async function cleanUpDebris(term: Term): Promise<number> {
  const keeper = term.live.records().some(each => each.keeper && term.live.isConnected(each.id))
  if (!keeper) return 0
  const byDestination = new Map<string, DebrisRecord[]>()
  for (const debris of await term.store.read.debris()) {
    if (!term.settings.destinations.has(debris.destination)) continue
    if (!(await isOver(debris, term)) || !(await isFree(debris, term))) continue
    const list = byDestination.get(debris.destination)
    if (list === undefined) byDestination.set(debris.destination, [debris])
    else if (list.length < most) list.push(debris)
  }
  let made = 0
  for (const [destination, list] of byDestination) if (await handOver(destination, list, term)) made++
  return made
}

async function isOver(debris: DebrisRecord, term: Term): Promise<boolean> {
  const row = await term.store.read.attempt(debris.attemptId)
  if (row?.endedAt === undefined) return false
  if (row.outcome !== 'lost') return true
  const { agentGone } = term.settings.times
  const now = term.clock.now()
  return term.live.silentFor(row.agentId, now) > agentGone || term.live.hasLetGo(row.agentId, row.id, now)
}

async function isFree(debris: DebrisRecord, term: Term): Promise<boolean> {
  if (debris.deleteJobId === undefined) return true
  const job = await term.store.read.job(debris.deleteJobId)
  if (job === undefined) return true
  const { state } = job
  return (
    isEnded(state) &&
    'endedAt' in state &&
    state.endedAt + term.settings.times.debrisRetry <= term.clock.now().wall
  )
}

function handOver(destination: string, found: readonly DebrisRecord[], term: Term): Promise<boolean> {
  return write(term, 'clean-up', async tx => {
    const subject = { scope: 'destination', destination } as const
    if ((await tx.jobs.openFor('delete', subjectKey(subject))) !== undefined) return false
    const taken: DebrisRecord[] = []
    for (const { attemptId, deleteJobId } of found) {
      const debris = await tx.debris.get(attemptId)
      if (debris === undefined || debris.deleteJobId !== deleteJobId) continue
      if ((await tx.backups.byAttempt(attemptId)) === undefined) taken.push(debris)
    }
    if (taken.length === 0) return false
    const now = term.clock.now()
    const { job } = await createJob(
      tx,
      {
        // everything below a prefix goes, so the keys need not be named
        order: {
          kind: 'delete',
          destination,
          keys: [],
          attemptPrefixes: taken.map(each => each.attemptPrefix),
        },
        subject,
        dueSlot: `debris/${now.wall}`,
        dueAt: now.wall,
        origin: 'schedule',
        requestedBy: { kind: 'system', name: '' },
        reason: '',
        retry,
        decision: {
          code: 'debris',
          text: `${taken.length} failed attempts left something in ${destination}`,
          numbers: { attempts: taken.length },
        },
      },
      now,
      term,
    )
    for (const debris of taken) await tx.debris.put({ ...debris, deleteJobId: job.id })
    return true
  })
}
