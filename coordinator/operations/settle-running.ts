import type { AgentId } from '../../shared/model/identifiers.ts'
import { attemptOf, type Job } from '../jobs/job.ts'
import { applyJobEvent } from './apply-job-event.ts'
import { refOf } from './lease-clock.ts'
import type { RunningRef } from './live-agents.ts'
import { sendAssign } from './release-effects.ts'
import { type NamedAttempt, reportAccepted, tellSuperseded } from './report-attempt.ts'
import { type Term, write } from './term.ts'

/** What an agent said at Hello it has in hand. */
export interface InHand {
  readonly agentId: AgentId
  readonly bootId: string
  readonly running: readonly RunningRef[]
  readonly unacknowledged: readonly RunningRef[]
}

/**
 * Settles what an agent has in hand with what the store says (J6), at its Hello: what is still the newest is
 * resumed, what is not is cancelled, and what a new boot names neither as running nor as ended is over.
 */
export async function settleHello(hello: InHand, term: Term): Promise<void> {
  for (const ref of hello.running) {
    await settleOne(ref, term, true)
    term.rates.unsure(ref.attemptId)
  }
  const named = new Set([...hello.running, ...hello.unacknowledged].map(each => each.attemptId))
  for (const job of term.jobs.heldBy(hello.agentId)) {
    const attempt = attemptOf(job.state)
    if (attempt !== undefined && !named.has(attempt.id)) await settleUnnamed(job, hello.bootId, term)
  }
}

/**
 * A heartbeat's list: leases are renewed in memory only; an attempt whose lease had ended while its agent
 * lived on is resumed or told to stop, as at Hello.
 */
export async function settleHeartbeat(running: readonly RunningRef[], term: Term): Promise<void> {
  const { mono } = term.clock.now()
  for (const ref of running) if (!term.leases.renew(ref, mono)) await settleOne(ref, term, false)
}

async function settleOne(ref: RunningRef, term: Term, hello: boolean): Promise<void> {
  const job = term.jobs.get(ref.jobId)
  const attempt = job === undefined ? undefined : attemptOf(job.state)
  const current =
    attempt !== undefined &&
    attempt.id === ref.attemptId &&
    attempt.epoch === ref.epoch &&
    attempt.agentId === ref.agentId
  if (attempt !== undefined && attempt.id === ref.attemptId && !current)
    term.refused(`agent:${ref.agentId}`, 'attempt-of-another-agent', ref.attemptId)
  if (job === undefined || !current) {
    const known = await term.store.read.job(ref.jobId)
    // memory follows the commit: what the store calls open may be resolved by the next heartbeat
    if (
      known !== undefined &&
      job === undefined &&
      attemptOf(known.state)?.id === ref.attemptId &&
      !ended(known)
    )
      return
    tellSuperseded(ref.agentId, named(ref), term, known === undefined ? 'unknown' : 'superseded')
    return
  }
  if (job.state.kind === 'assigned') {
    // at Hello its `Accepted` may have been lost with the stream; in a heartbeat it is on its way
    if (hello) await reportAccepted(ref.agentId, named(ref), term)
    return
  }
  const leaseTtl = term.settings.times.leaseTtl
  if (job.state.kind === 'running' && term.leases.has(ref.attemptId) && !hello) return
  const applied = await write(term, 'resume', tx =>
    applyJobEvent(
      tx,
      ref.jobId,
      {
        kind: 'resumed',
        ref: { attemptId: ref.attemptId, epoch: ref.epoch, agentId: ref.agentId },
        leaseTtl,
      },
      term.clock.now(),
      term,
    ),
  )
  if (applied.kind !== 'accepted') tellSuperseded(ref.agentId, named(ref), term)
}

async function settleUnnamed(job: Job, bootId: string, term: Term): Promise<void> {
  const attempt = attemptOf(job.state)
  if (attempt === undefined) return
  const row = await term.store.read.attempt(attempt.id)
  if (row !== undefined && row.bootId !== bootId) {
    await write(term, 'agent-restarted', tx =>
      applyJobEvent(tx, job.id, { kind: 'agent-restarted', ref: refOf(attempt) }, term.clock.now(), term),
    )
    return
  }
  // the same boot: the offer may have been lost with the stream; an agent that dropped the attempt for want of
  // Start answers another one by saying so, where its first word was lost too
  if (job.state.kind === 'assigned') sendAssign(job, attempt, term)
  if (job.state.kind === 'running') term.messenger.start({ jobId: job.id, attempt })
  if (job.state.kind === 'cancelling') term.messenger.cancel({ jobId: job.id, attempt }, 'requested')
}

function named(ref: RunningRef): NamedAttempt {
  return { jobId: ref.jobId, attemptId: ref.attemptId, epoch: ref.epoch }
}

function ended(job: Job): boolean {
  return job.state.kind === 'succeeded' || job.state.kind === 'failed' || job.state.kind === 'cancelled'
}
