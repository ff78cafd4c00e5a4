import type { JobId } from '../../shared/model/identifiers.ts'
import type { Now } from '../../shared/time/index.ts'
import { attemptOf, type Job } from '../jobs/job.ts'
import {
  type PlanDecision,
  type PlanInput,
  plan,
  predict,
  type QueuedJob,
  type RunningJob,
} from '../planner/index.ts'
import { applyJobEvent } from './apply-job-event.ts'
import { ableTo, type Candidates, candidatesOf } from './candidates.ts'
import { createDue } from './create-due.ts'
import { databaseOf, policyOf } from './subject.ts'
import { type Term, write } from './term.ts'

/** Restores and deletes have no promise of their own; they come when there is room. */
const unpromised = 24 * 3_600_000

/**
 * One look at the plan: makes the jobs that are due, asks the planner, assigns what it placed and writes down
 * why the rest waits, when the reasons changed. Same input, same plan; planning twice is harmless (J4, J9).
 */
export class PlanTick {
  readonly #term: Term
  /** The reasons last written for a waiting job, so that each is written once. */
  readonly #told = new Map<JobId, string>()

  constructor(term: Term) {
    this.#term = term
  }

  async run(): Promise<void> {
    const term = this.#term
    await createDue(term)
    const now = term.clock.now()
    const input = planInput(term, now)
    if (input.queued.length === 0) {
      this.#told.clear()
      return
    }
    const decisions = plan(input)
    const waiting: PlanDecision[] = []
    for (const decision of decisions) {
      if (decision.kind === 'assign') {
        this.#told.delete(decision.jobId)
        await this.#assign(decision)
        continue
      }
      // time alone is no news: codes and subjects are
      const print = decision.reasons.map(each => `${each.code}/${each.subject}`).join(' ')
      if (this.#told.get(decision.jobId) === print) continue
      this.#told.set(decision.jobId, print)
      waiting.push(decision)
    }
    if (waiting.length > 0)
      await write(term, 'decisions', tx =>
        tx.decisions.append(waiting.flatMap(decision => rowsOf(decision, now, 'waits'))),
      )
    const queued = new Set(input.queued.map(each => each.id))
    for (const jobId of this.#told.keys()) if (!queued.has(jobId)) this.#told.delete(jobId)
  }

  async #assign(decision: Extract<PlanDecision, { kind: 'assign' }>): Promise<void> {
    const term = this.#term
    await write(term, 'assign', async tx => {
      const now = term.clock.now()
      const job = term.jobs.get(decision.jobId)
      // its agent came back since the plan was made
      if (job !== undefined && isOnItsWay(job, term, now)) return
      const applied = await applyJobEvent(
        tx,
        decision.jobId,
        {
          kind: 'assign',
          attemptId: term.newId('attempt'),
          agentId: decision.agentId,
          leaseTtl: term.settings.times.leaseTtl,
        },
        now,
        term,
      )
      if (applied.kind === 'accepted') await tx.decisions.append(rowsOf(decision, now, 'placed'))
    })
  }
}

function rowsOf(decision: PlanDecision, now: Now, kind: string) {
  return decision.reasons.map(reason => ({ jobId: decision.jobId, at: now.wall, kind, ...reason }))
}

/** Whether the agent of a job's newest attempt has come back and is about to tell what became of it. */
function isOnItsWay(job: Job, term: Term, now: Now): boolean {
  const attempt = attemptOf(job.state)
  return attempt !== undefined && term.live.isAnnounced(attempt, now.mono)
}

/** The picture of the fleet the planner decides on, from memory as last committed. */
export function planInput(term: Term, now: Now): PlanInput {
  const queued: QueuedJob[] = []
  const running: RunningJob[] = []
  // what is the same for every database of a cluster is asked once a look
  const known = new Map<string, Candidates>()
  for (const job of term.jobs.all()) {
    const cluster = job.subject.scope === 'destination' ? {} : { clusterId: job.subject.clusterId }
    const attempt = attemptOf(job.state)
    if (job.state.kind === 'queued' && isOnItsWay(job, term, now)) continue
    if (job.state.kind === 'queued')
      queued.push({ ...queuedJob(job, job.state.notBefore, term, known), ...cluster })
    else if (attempt !== undefined) running.push({ id: job.id, agentId: attempt.agentId, ...cluster })
  }
  const agents = term.live.records().map(record => ({
    id: record.id,
    host: record.hostname,
    connected: term.live.isConnected(record.id) && !term.live.isSilent(record.id, now),
    draining: term.live.view(record.id, now)?.draining ?? false,
    slots: term.settings.slotsPerAgent,
  }))
  return { now, queued, running, agents }
}

function queuedJob(job: Job, notBefore: number, term: Term, known: Map<string, Candidates>): QueuedJob {
  const key = job.kind === 'backup' && job.subject.scope !== 'destination' ? job.subject.clusterId : job.id
  const willing = known.get(key) ?? candidatesOf(job, term)
  known.set(key, willing)
  const database = databaseOf(job.subject, term.fleet)
  const state = database === undefined ? undefined : term.fleet.database(database.id)?.state
  const policy = database === undefined || job.kind !== 'backup' ? undefined : policyOf(database, term)
  const candidates = ableTo(policy, willing, term)
  const engine = database === undefined ? undefined : term.fleet.cluster(database.clusterId)?.engine
  const sizeBytes = database?.sizeBytes ?? 0
  const { p50, p90 } = predict({
    engine: engine === undefined || engine === 'unknown' ? 'postgres' : engine,
    sizeBytes,
    ...(state?.lastDurationMs === undefined ? {} : { lastDurationMs: state.lastDurationMs }),
  })
  return {
    id: job.id,
    kind: job.kind,
    dueAt: job.dueAt,
    notBefore,
    deadline:
      policy === undefined || state === undefined
        ? job.dueAt + unpromised
        : (state.lastDataAsOf ?? state.clockFrom) + policy.rpo,
    manual: job.origin === 'operator',
    p50,
    p90,
    sizeBytes,
    importance: 1,
    attempts: job.attempts,
    candidates: candidates.kind === 'some' ? candidates.agents : [],
    ...(candidates.kind === 'none'
      ? { noCandidateReason: { code: candidates.code, text: candidates.text } }
      : {}),
  }
}
