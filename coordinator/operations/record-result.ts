import type { Failure } from '../../shared/errors/index.ts'
import { type AgentId, type AttemptId, isId, type JobId } from '../../shared/model/identifiers.ts'
import type { Now } from '../../shared/time/index.ts'
import type { WriteTx } from '../store/port.ts'
import type { AttemptRecord } from '../store/records.ts'
import { applyJobEvent } from './apply-job-event.ts'
import { isAttemptPrefix } from './attempt-keys.ts'
import { crashPoint } from './crash-point.ts'
import { noteHooks } from './note-hooks.ts'
import { noteKeysUsed } from './note-keys-used.ts'
import { recordAdopted, recordSuccess } from './record-success.ts'
import { recordVerified } from './record-verified.ts'
import { type Disposition, type ReportedResult, reclaimed } from './result.ts'
import { type Term, write } from './term.ts'

/**
 * Records a result, once for each result id (J12): a checked backup, the end of its job or a surplus (J7), a
 * failure with its debris, all with audit and alerts in one transaction. Resolves after the commit.
 */
export async function recordResult(
  agentId: AgentId,
  result: ReportedResult,
  term: Term,
): Promise<Disposition> {
  if (!isId('result', result.resultId))
    return { kind: 'rejected', reason: 'malformed-result-id', security: true }
  crashPoint('before-result')
  return write(term, 'result', async tx => {
    const known = await tx.results.get(result.resultId)
    if (known !== undefined) return answerAgain(known)
    const now = term.clock.now()
    const disposition = await settle(tx, agentId, result, now, term)
    // what was rejected for who sent it is not remembered: the true owner may still report it
    if (disposition.kind !== 'rejected' || !disposition.security)
      await tx.results.put(result.resultId, now.wall, `${disposition.kind}:${disposition.reason}`)
    await tx.counters.add(`results.${disposition.kind}`, 1)
    tx.afterCommit(() => crashPoint('before-ack'))
    return disposition
  })
}

async function settle(
  tx: WriteTx,
  agentId: AgentId,
  result: ReportedResult,
  now: Now,
  term: Term,
): Promise<Disposition> {
  const { jobId, attemptId } = result
  if (!isId('job', jobId) || !isId('attempt', attemptId)) return foreign('malformed-ids')
  const row = await tx.attempts.get(attemptId)
  if (row === undefined)
    // a store put back from a copy does not know what happened since (facts A5)
    return result.kind === 'backup' && result.outcome === 'succeeded'
      ? recordAdopted(tx, agentId, { ...result, jobId, attemptId }, now, term)
      : foreign('unknown-attempt')
  if (row.agentId !== agentId) return foreign('attempt-of-another-agent')
  if (row.jobId !== jobId || row.epoch !== result.epoch) return foreign('attempt-does-not-fit-job')
  await noteKeysUsed(tx, row, result.keysUsed, now)
  if (row.outcome === reclaimed && result.outcome === 'succeeded')
    return { kind: 'rejected', reason: 'objects-deleted', security: false }
  const known = { ...result, jobId, attemptId }
  if (result.verify !== undefined) {
    const job = await tx.jobs.get(jobId)
    if (job === undefined) return foreign('unknown-job')
    return recordVerified(tx, row, job, known, result.verify, now, term)
  }
  switch (result.outcome) {
    case 'succeeded':
      return recordSuccess(tx, row, known, now, term)
    case 'failed':
    case 'cancelled':
      return recordFailure(tx, row, known, now, term)
    default:
      return { kind: 'rejected', reason: 'unknown-outcome', security: false }
  }
}

async function recordFailure(
  tx: WriteTx,
  row: AttemptRecord,
  result: ReportedResult & { readonly jobId: JobId; readonly attemptId: AttemptId },
  now: Now,
  term: Term,
): Promise<Disposition> {
  const ref = { attemptId: row.id, epoch: row.epoch, agentId: row.agentId }
  const failure: Failure = result.failure ?? {
    code: 'internal',
    message: 'the agent reported a failure without saying which',
    hint: 'Look into the log of the agent.',
    context: {},
  }
  const applied = await applyJobEvent(
    tx,
    row.jobId,
    result.outcome === 'cancelled' ? { kind: 'stopped', ref } : { kind: 'failed', ref, failure },
    now,
    term,
  )
  if (applied.kind !== 'accepted') await endStaleAttempt(tx, row, result.outcome, failure, now)
  if (result.observed !== undefined) {
    const fresh = (await tx.attempts.get(row.id)) ?? row
    await tx.attempts.update({ ...fresh, observed: result.observed })
  }
  if (result.hooks.length > 0) await noteHooks(tx, row, await tx.jobs.get(row.jobId), result.hooks, now, term)
  await ownDebris(tx, row, result, now, term)
  return { kind: 'recorded', reason: applied.kind === 'accepted' ? '' : 'stale' }
}

/** The attempt's own row tells how it ended, also when its job went on without it. */
async function endStaleAttempt(
  tx: WriteTx,
  row: AttemptRecord,
  outcome: string,
  failure: Failure,
  now: Now,
): Promise<void> {
  const fresh = await tx.attempts.get(row.id)
  if (fresh === undefined || fresh.outcome === reclaimed || fresh.outcome === 'succeeded') return
  await tx.attempts.update({ ...fresh, endedAt: fresh.endedAt ?? now.wall, outcome, failure })
}

/** What a failed attempt left behind is ours from now on (P4); what it cleaned up itself is nobody's any more. */
async function ownDebris(
  tx: WriteTx,
  row: AttemptRecord,
  result: ReportedResult,
  now: Now,
  term: Term,
): Promise<void> {
  const prefix = isAttemptPrefix(result.attemptPrefix, row.id) ? result.attemptPrefix : row.attemptPrefix
  const ours = (keys: readonly string[]) => keys.filter(key => prefix !== undefined && key.startsWith(prefix))
  const named = [result.debris, ...result.copies.map(copy => copy.debris)]
  const strange = named.reduce((sum, keys) => sum + keys.length - ours(keys).length, 0)
  if (strange > 0)
    term.log.warn('an agent named debris outside its attempt; it is left alone', {
      job_id: row.jobId,
      attempt_id: row.id,
      agent_id: row.agentId,
      keys: strange,
    })
  const first = row.destination ?? result.destination
  const places = new Map([[first, ours(result.debris)]])
  for (const copy of result.copies)
    places.set(copy.destination, [
      ...new Set([...(places.get(copy.destination) ?? []), ...ours(copy.debris)]),
    ])
  const left = [...places].filter(([name, keys]) => keys.length > 0 && term.settings.destinations.has(name))
  const present = await tx.debris.get(row.id)
  const [head, ...others] = left
  if (head === undefined || prefix === undefined) {
    const nothing = named.every(keys => ours(keys).length === 0)
    if (present !== undefined && present.deleteJobId === undefined && nothing) await tx.debris.remove(row.id)
    return
  }
  const [destination, keys] = head
  const { further: _, ...rest } = present ?? {}
  await tx.debris.put({
    ...rest,
    attemptId: row.id,
    destination,
    attemptPrefix: prefix,
    keys,
    foundAt: now.wall,
    ...(others.length === 0 ? {} : { further: others.map(([name]) => name) }),
  })
}

function answerAgain(known: string): Disposition {
  const [kind, ...reason] = known.split(':')
  if (kind === 'recorded' || kind === 'surplus') return { kind, reason: reason.join(':') }
  return { kind: 'rejected', reason: reason.join(':'), security: false }
}

function foreign(reason: string): Disposition {
  return { kind: 'rejected', reason, security: true }
}
