import { LoopShare } from '../../shared/clock/index.ts'
import type { DatabaseId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import type { ShortOf } from '../planner/shortage.ts'
import { forecastPlan } from './forecast-plan.ts'
import { isWaiting } from './shortages.ts'
import type { Term } from './term.ts'

/** Promises that break later are judged when they are nearer. */
const ahead: Duration = 24 * 3_600_000
/** A forecast takes at most so small a part of a thread's time. */
const restFactor = 20
/** Reviews of protection between two forecasts, at least. */
const reviews = 5
/** More databases than fleets have. */
const most = 1_000_000

/**
 * Says which due databases get no slot and no budget before their promise breaks: `no-capacity`, told by the
 * planner's own forecast, before it happens. Made only while something waits for what others have.
 */
export class CapacityWatch {
  readonly #term: Term
  readonly #waits: () => boolean
  /** Monotonic. */
  #notBefore: Millis = 0

  /** @param waits whether the last look at the plan left a job waiting for a slot or budget */
  constructor(term: Term, waits: () => boolean) {
    this.#term = term
    this.#waits = waits
  }

  /** Resolves with whether promises are to be judged anew. */
  async run(): Promise<boolean> {
    const { shortages, clock, settings, signal } = this.#term
    if (!this.#waits()) return shortages.replace(new Map())
    const now = clock.now()
    if (now.mono < this.#notBefore) return false
    const { broken, last } = await this.#due(now.wall)
    const short = new Map(broken)
    if (last !== undefined) {
      const horizon = Math.min(ahead, last - now.wall + 1)
      const made = await forecastPlan(
        { from: now.wall, horizon, limit: most, mostRuns: 0, suppose: {} },
        this.#term,
        signal,
      )
      for (const { recordId, dueAt, deadline, shortOf } of made.misses)
        if (recordId !== undefined && shortOf !== undefined && dueAt <= now.wall && deadline >= now.wall)
          short.set(recordId, shortOf)
    }
    const took = clock.now().mono - now.mono
    this.#notBefore = now.mono + Math.max(restFactor * took, reviews * settings.times.protectionInterval)
    return shortages.replace(short)
  }

  /** Until when promises of what waits are to be judged, and those that broke for want of capacity already. */
  async #due(now: Millis) {
    const { fleet, shortages } = this.#term
    const broken = new Map<DatabaseId, ShortOf>()
    let last: Millis | undefined
    const share = new LoopShare()
    for (const { record, state } of fleet.databases()) {
      if (share.spent) await share.renew()
      if (state?.nextDueAt === undefined || state.nextDueAt > now || !isWaiting(state, this.#term)) continue
      const deadline = (state.lastDataAsOf ?? state.clockFrom) + (state.rpoMs ?? 0)
      if (deadline >= now) {
        if (deadline <= now + ahead) last = Math.max(last ?? 0, deadline)
      } else if (state.reason === 'no-capacity')
        broken.set(record.id, shortages.of(record.id) ?? { code: 'cluster-busy', subject: '' })
    }
    return { broken, last }
  }
}
