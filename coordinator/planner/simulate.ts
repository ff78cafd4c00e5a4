import type { AgentId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { Heap } from './heap.ts'
import { plan } from './plan.ts'
import type { AgentCapacity, Plan, PlanInput, QueuedJob, Reason, RunningJob } from './port.ts'
import { WaitingLine } from './waiting-line.ts'

/** What becomes of an attempt. */
export interface Fate {
  readonly duration: Duration
  readonly ok: boolean
}

/** An agent that is away for a while: what it worked on is lost. */
export interface Absence {
  readonly agentId: AgentId
  readonly from: Millis
  readonly to: Millis
}

/** A world to plan in: time goes from event to event, decisions are the planner's own. */
export interface SimulationInput extends Pick<PlanInput, 'agents' | 'jobsPerCluster' | 'budgets'> {
  readonly start: Millis
  /** Nothing starts from then on. */
  readonly until: Millis
  /** The planner looks at most this often. */
  readonly tick: Duration
  /** Each comes in when it is due and not before its `notBefore`. */
  readonly jobs: readonly QueuedJob[]
  readonly running?: readonly (RunningJob & { readonly endsAt: Millis })[]
  /** Jobs of a cluster offered at a time, most urgent first, as the coordinator does; all when absent. */
  readonly perCluster?: number
  readonly absences?: readonly Absence[]
  readonly fateOf: (job: QueuedJob, attempt: number) => Fate
  /** How long a failed job waits for its next attempt; undefined: it is given up. */
  readonly retryAfter?: (job: QueuedJob, attempts: number) => Duration | undefined
  /** The job that follows one that ended well, due later. */
  readonly next?: (job: QueuedJob, startedAt: Millis, endedAt: Millis) => QueuedJob | undefined
  readonly decide?: Plan
}

/** An attempt that was made. */
export interface SimulatedRun {
  readonly job: QueuedJob
  readonly agentId: AgentId
  readonly startedAt: Millis
  readonly endedAt: Millis
  readonly ok: boolean
  /** Since when it could have started, but for others, and why it did not by the last look before it did. */
  readonly waited: { readonly since: Millis; readonly reasons: readonly Reason[] }
}

export interface Simulation {
  readonly runs: readonly SimulatedRun[]
  /** What still waited at the end, and why, by the last look at it. */
  readonly waiting: readonly { readonly job: QueuedJob; readonly reasons: readonly Reason[] }[]
  readonly looks: number
}

interface Attempt {
  readonly job: QueuedJob
  readonly agentId: AgentId
  readonly startedAt: Millis
  readonly waited: SimulatedRun['waited']
  ok: boolean
  endsAt: Millis
  ended: boolean
  readonly shown: RunningJob
}

/** Runs the planner through time. Pure: same input, same course. */
export function simulate(input: SimulationInput): Simulation {
  return new Course(input).run()
}

class Course {
  readonly #input: SimulationInput
  readonly #decide: Plan
  readonly #arrivals = new Heap<QueuedJob>()
  readonly #ends = new Heap<Attempt>()
  readonly #changes = new Heap<() => void>()
  readonly #attempts = new Map<JobId, Attempt>()
  readonly #foreign = new Map<JobId, RunningJob>()
  readonly #tries = new Map<JobId, number>()
  readonly #line: WaitingLine
  readonly #runs: SimulatedRun[] = []
  readonly #away = new Set<AgentId>()
  #agents: readonly AgentCapacity[]
  #now: Millis
  #looks = 0

  constructor(input: SimulationInput) {
    this.#input = input
    this.#decide = input.decide ?? plan
    this.#agents = input.agents
    this.#now = input.start
    this.#line = new WaitingLine(
      input.perCluster ?? Number.POSITIVE_INFINITY,
      id =>
        input.budgets?.clusters?.get(id)?.slots ?? input.budgets?.cluster?.slots ?? input.jobsPerCluster ?? 1,
    )
    for (const job of input.jobs) this.#arrivals.push(Math.max(job.dueAt, job.notBefore), job)
    for (const job of input.running ?? []) {
      this.#foreign.set(job.id, job)
      this.#line.began(job.clusterId)
      this.#changes.push(job.endsAt, () => {
        this.#foreign.delete(job.id)
        this.#line.ended(job.clusterId)
      })
    }
    for (const { agentId, from, to } of input.absences ?? []) {
      this.#changes.push(from, () => this.#leave(agentId, from))
      this.#changes.push(to, () => {
        this.#away.delete(agentId)
        this.#agents = this.#present()
      })
    }
  }

  run(): Simulation {
    const { start, tick, until } = this.#input
    for (;;) {
      const next = Math.min(this.#ends.key, this.#arrivals.key, this.#changes.key)
      if (next === Number.POSITIVE_INFINITY) break
      this.#now = Math.max(start, start + Math.ceil((next - start) / tick) * tick)
      if (this.#now >= until) break
      this.#settle(this.#now)
      this.#look()
    }
    this.#settle(until)
    // what began ends, also after the end of the picture
    for (let each = this.#ends.pop(); each !== undefined; each = this.#ends.pop()) this.#end(each, false)
    return { runs: this.#runs, waiting: this.#line.all(), looks: this.#looks }
  }

  /** Everything that happens until then, in order of time: ends before arrivals. */
  #settle(until: Millis): void {
    for (;;) {
      const at = Math.min(this.#ends.key, this.#changes.key, this.#arrivals.key)
      if (at > until) return
      if (this.#ends.key === at) {
        const attempt = this.#ends.pop()
        if (attempt !== undefined) this.#end(attempt, true)
      } else if (this.#changes.key === at) this.#changes.pop()?.()
      else {
        const job = this.#arrivals.pop()
        if (job !== undefined) this.#line.add(job, Math.max(at, this.#input.start))
      }
    }
  }

  #end(attempt: Attempt, goesOn: boolean): void {
    if (attempt.ended) return
    attempt.ended = true
    const { job, agentId, startedAt, endsAt, ok, waited } = attempt
    this.#attempts.delete(job.id)
    this.#line.ended(job.clusterId)
    this.#runs.push({ job, agentId, startedAt, endedAt: endsAt, ok, waited })
    if (!goesOn) return
    const { next, retryAfter } = this.#input
    if (ok) {
      this.#tries.delete(job.id)
      const following = next?.(job, startedAt, endsAt)
      if (following !== undefined) this.#arrivals.push(Math.max(following.dueAt, endsAt), following)
      return
    }
    const tries = this.#tries.get(job.id) ?? 1
    const delay = retryAfter?.(job, tries)
    if (delay === undefined) return
    this.#arrivals.push(endsAt + delay, { ...job, notBefore: endsAt + delay, attempts: tries })
  }

  #leave(agentId: AgentId, at: Millis): void {
    this.#away.add(agentId)
    this.#agents = this.#present()
    for (const attempt of [...this.#attempts.values()])
      if (attempt.agentId === agentId) {
        attempt.ok = false
        attempt.endsAt = Math.min(attempt.endsAt, at)
        this.#end(attempt, true)
      }
  }

  #present(): readonly AgentCapacity[] {
    return this.#input.agents.map(each => (this.#away.has(each.id) ? { ...each, connected: false } : each))
  }

  #look(): void {
    const offered = this.#line.offered()
    if (offered.length === 0) return
    this.#looks++
    const { jobsPerCluster, budgets } = this.#input
    const decisions = this.#decide({
      now: { wall: this.#now, mono: 0 },
      queued: offered,
      running: [...this.#foreign.values(), ...this.#shown()],
      agents: this.#agents,
      backlogs: this.#line.backlogs,
      ...(jobsPerCluster === undefined ? {} : { jobsPerCluster }),
      ...(budgets === undefined ? {} : { budgets }),
    })
    for (const decision of decisions) {
      const job = this.#line.get(decision.jobId)
      if (job === undefined) continue
      if (decision.kind === 'assign') {
        const waited = this.#line.waitOf(job.id) ?? { since: this.#now, reasons: [] }
        this.#line.take(job)
        this.#begin(job, decision.agentId, waited)
      } else if (decision.until !== undefined) {
        // only time wakes it: it keeps nobody else from being offered
        this.#line.take(job)
        this.#arrivals.push(decision.until, job)
      } else this.#line.told(job, decision.reasons)
    }
  }

  #shown(): readonly RunningJob[] {
    return Array.from(this.#attempts.values(), each => each.shown)
  }

  #begin(job: QueuedJob, agentId: AgentId, waited: SimulatedRun['waited']): void {
    const tries = (this.#tries.get(job.id) ?? 0) + 1
    this.#tries.set(job.id, tries)
    const { duration, ok } = this.#input.fateOf(job, tries)
    const attempt: Attempt = {
      job,
      agentId,
      startedAt: this.#now,
      waited,
      ok,
      endsAt: this.#now + duration,
      ended: false,
      shown: {
        id: job.id,
        agentId,
        ...(job.clusterId === undefined ? {} : { clusterId: job.clusterId }),
        ...(job.destination === undefined ? {} : { destination: job.destination }),
        ...(job.further === undefined ? {} : { further: job.further }),
        ...(job.rate === undefined ? {} : { rate: job.rate }),
        ...(job.bufferBytes === undefined ? {} : { bufferBytes: job.bufferBytes }),
        ...(job.stagingBytes === undefined ? {} : { stagingBytes: job.stagingBytes }),
        endsAt: this.#now + job.p90,
      },
    }
    this.#attempts.set(job.id, attempt)
    this.#line.began(job.clusterId)
    this.#ends.push(attempt.endsAt, attempt)
  }
}
