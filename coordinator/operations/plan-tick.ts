import type { JobId } from '../../shared/model/identifiers.ts'
import type { Now } from '../../shared/time/index.ts'
import { type PlanDecision, plan, type Reason } from '../planner/index.ts'
import { shortOf } from '../planner/shortage.ts'
import { applyJobEvent } from './apply-job-event.ts'
import { createDue } from './create-due.ts'
import { isOnItsWay, planInput } from './plan-input.ts'
import { tellRates } from './tell-rates.ts'
import { type Term, write } from './term.ts'

/** Histories read at a look: some milliseconds of the store. */
const histories = 25
/** Assignments that wait for one commit together, and decisions written in one step. */
const together = 50

type Assigning = Extract<PlanDecision, { kind: 'assign' }>

/** Codes that come and go with every job that ends, and say the same: a budget is spoken for. */
const changeable: ReadonlySet<string> = new Set([
  'reserved',
  'fair-share',
  'destination-rate',
  'destination-slots',
  'site-rate',
  'site-slots',
  'host-rate',
  'host-memory',
  'host-staging',
  'no-slot',
  'verifier-busy',
  'lets-go-first',
])

function printOf(reasons: readonly Reason[]): string {
  return reasons
    .map(
      ({ code, subject }) =>
        `${changeable.has(code) ? 'budget' : code}/${code === 'lets-go-first' ? '' : subject}`,
    )
    .join(' ')
}

/**
 * One look at the plan: makes the jobs that are due, asks the planner, assigns what it placed and writes down
 * why the rest waits, when the reasons changed. Same input, same plan; planning twice is harmless (J4, J9).
 */
export class PlanTick {
  readonly #term: Term
  /** The reasons last written for a waiting job, so that each is written once. */
  readonly #told = new Map<JobId, string>()
  #waits = false

  constructor(term: Term) {
    this.#term = term
  }

  /** Whether the last look left a job waiting for a slot or budget that others have. */
  get waitsForCapacity(): boolean {
    return this.#waits
  }

  async run(): Promise<void> {
    const term = this.#term
    await createDue(term)
    const now = term.clock.now()
    const input = planInput(term, now)
    tellRates(term, now)
    if (input.queued.length === 0) {
      this.#told.clear()
      this.#waits = false
      return
    }
    const decisions = plan(input)
    const waiting: PlanDecision[] = []
    const placed: Assigning[] = []
    this.#waits = decisions.some(
      each => each.kind === 'wait' && each.until === undefined && shortOf(each.reasons) !== undefined,
    )
    for (const decision of decisions) {
      if (decision.kind === 'assign') {
        this.#told.delete(decision.jobId)
        placed.push(decision)
        continue
      }
      // time alone is no news: codes and subjects are
      const print = printOf(decision.reasons)
      if (this.#told.get(decision.jobId) === print) continue
      this.#told.set(decision.jobId, print)
      waiting.push(decision)
    }
    for (let i = 0; i < placed.length; i += together)
      await Promise.all(placed.slice(i, i + together).map(each => this.#assign(each)))
    // those at work make room before the new ones begin
    if (placed.length > 0) tellRates(term, term.clock.now())
    for (let i = 0; i < waiting.length; i += together)
      await write(term, 'decisions', tx =>
        tx.decisions.append(
          waiting.slice(i, i + together).flatMap(decision => rowsOf(decision, now, 'waits')),
        ),
      )
    const queued = new Set(input.queued.map(each => each.id))
    for (const jobId of this.#told.keys()) if (!queued.has(jobId)) this.#told.delete(jobId)
    await term.predictions.read(term.store.read, histories)
  }

  async #assign(decision: Assigning): Promise<void> {
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
