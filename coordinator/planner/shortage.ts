import type { Duration } from '../../shared/time/index.ts'
import type { Reason } from './port.ts'
import type { SimulatedRun } from './simulate.ts'

/** What a slot or a budget that others have says: with more of it the job would start. */
const ofCapacity: ReadonlySet<string> = new Set([
  'cluster-busy',
  'no-slot',
  'site-slots',
  'destination-slots',
  'host-rate',
  'cluster-rate',
  'site-rate',
  'destination-rate',
  'host-memory',
  'host-staging',
  'reserved',
  'reservation',
  'fair-share',
  'lets-go-first',
])

/** What is short, by the first reason that says so. */
export interface ShortOf {
  readonly code: string
  readonly subject: string
}

/**
 * What of slots and budgets a job waits for, by what it was told; undefined: something else stands in its way. One
 * that was told nothing stood behind others of its cluster.
 */
export function shortOf(reasons: readonly Reason[]): ShortOf | undefined {
  if (reasons.length === 0) return { code: 'cluster-busy', subject: '' }
  const all = reasons.filter(each => ofCapacity.has(each.code))
  // a reservation says that it is next, the reason beside it for what
  const found = all.find(each => each.code !== 'reservation') ?? all[0]
  return found === undefined ? undefined : { code: found.code, subject: found.subject }
}

/**
 * Whether a run that ends after its promise breaks does so for want of a slot or budget: it waited, and would have
 * ended in time, or begun before the promise broke, had it not.
 *
 * @param tick the planner looked at most this often: a wait of less is none
 */
export function isShortage({ job, startedAt, endedAt, waited }: SimulatedRun, tick: Duration): boolean {
  if (endedAt <= job.deadline || startedAt - waited.since < tick) return false
  return startedAt > job.deadline || waited.since + job.p90 <= job.deadline
}
