import type { AgentId, JobId } from '../../shared/model/identifiers.ts'
import type { Now } from '../../shared/time/index.ts'
import type { NamedBudgets } from '../budget-config.ts'
import { attemptOf, type Job } from '../jobs/job.ts'
import type { AgentCapacity, Budget } from '../planner/index.ts'
import { rateShares, type SharingJob } from '../planner/rate-shares.ts'
import type { Addressee } from './messenger.ts'
import { budgetsFor, Look, sitesOf } from './plan-input.ts'
import { databaseOf, policyOf } from './subject.ts'
import type { Term } from './term.ts'

/**
 * Tells every attempt at work what the budgets of bytes a second leave to it, as far as it does not know. The planner
 * starts no more than is predicted to fit; what is stored in truth, this holds. A verification only reads: it takes of
 * a budget what is predicted of it, as does what an agent of an older version stores.
 */
export function tellRates(term: Term, now: Now): void {
  const { policies, rates, messenger } = term
  const limited = limitsRates(policies.budgets)
  const working = atWork(term)
  const copies = working.some(({ job }) => job.kind === 'copy')
  if (!limited && !copies && rates.none) return
  const shares = limited ? sharesOf(working, term, now) : new Map<JobId, number>()
  for (const { job, to, heldTo } of working) {
    if (!heldTo) {
      rates.told(to.attempt.id, 0)
      continue
    }
    const rate = Math.min(shares.get(job.id) ?? Number.POSITIVE_INFINITY, ownLimit(job, term))
    const told = Number.isFinite(rate) ? rate : 0
    if (!rates.knows(to.attempt.id, told) && messenger.rate(to, told)) rates.told(to.attempt.id, told)
  }
  rates.keep(new Set(working.map(({ to }) => to.attempt.id)))
}

interface Working {
  readonly job: Job
  readonly to: Addressee
  readonly heldTo: boolean
}

function atWork({ jobs, live }: Pick<Term, 'jobs' | 'live'>): readonly Working[] {
  const working: Working[] = []
  for (const job of jobs.all()) {
    const attempt = attemptOf(job.state)
    if (job.state.kind === 'queued' || attempt === undefined) continue
    const stores = job.kind === 'backup' || job.kind === 'copy'
    const heldTo = stores && live.record(attempt.agentId)?.features.includes('rate') === true
    working.push({ job, to: { jobId: job.id, attempt }, heldTo })
  }
  return working
}

function sharesOf(working: readonly Working[], term: Term, now: Now): ReadonlyMap<JobId, number> {
  const { budgets } = term.policies
  if (budgets === undefined) return new Map()
  const look = new Look(term, now.wall)
  const sharing = working.map(
    ({ job, to: { attempt }, heldTo }): SharingJob => ({
      ...look.running(job, attempt.agentId, attempt.assignedAt),
      heldTo,
    }),
  )
  const sites = sitesOf(term)
  const agents = [...new Set(working.map(({ to }) => to.attempt.agentId))].map(id => agentOf(id, term, sites))
  return rateShares(sharing, agents, budgetsFor(budgets, term))
}

function agentOf(
  id: AgentId,
  { live }: Pick<Term, 'live'>,
  sites: ReadonlyMap<AgentId, string> | undefined,
): Pick<AgentCapacity, 'id' | 'host' | 'site'> {
  const site = sites?.get(id)
  return { id, host: live.record(id)?.hostname ?? '', ...(site === undefined ? {} : { site }) }
}

/** A backup is told its policy's `max_rate` with the offer; a copy has it from here. */
function ownLimit(job: Job, term: Term): number {
  const record = job.kind === 'copy' ? databaseOf(job.subject, term.fleet) : undefined
  const maxRate = record === undefined ? undefined : policyOf(record, term)?.maxRate
  return maxRate === undefined || maxRate === 0 ? Number.POSITIVE_INFINITY : maxRate
}

function limitsRates(budgets: NamedBudgets | undefined): boolean {
  if (budgets === undefined) return false
  const limits = (each: Budget | undefined) => each?.bytesPerSecond !== undefined
  const { host, cluster, site, destination, hosts, clusters, sites, destinations } = budgets
  return (
    [host, cluster, site, destination].some(limits) ||
    [hosts, clusters, sites, destinations].some(each => [...each.values()].some(limits))
  )
}
