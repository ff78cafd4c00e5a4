import type { AgentId, JobId } from '../../shared/model/identifiers.ts'
import { Heap } from './heap.ts'
import type { AgentCapacity, Budget, Budgets, RunningJob } from './port.ts'

/** A job at work, and whether its agent can be told what to keep to. */
export interface SharingJob extends RunningJob {
  /** It can be held to a rate while it runs; one that cannot takes what was predicted of it. */
  readonly heldTo: boolean
}

/** One budget of bytes a second, what is left of it, and who still wants of it. */
interface Shared {
  left: number
  weight: number
  readonly jobs: number[]
}

/** However little is left: a backup that never ends holds a snapshot for ever. Bytes a second. */
const least = 64 * 1024
/** So many binary digits of a share count: a job that comes or goes among a thousand is no news to the others. */
const digits = 5

/**
 * What each job at work may store a second, so that no budget of host, cluster, site or destination is exceeded while
 * all of what there is may be used: who shares a budget gets of it by what is predicted of it, and what one cannot
 * take, for want of another budget, goes to the rest (weighted max-min). As the planner starts no more than fits, a
 * share is never below what was predicted. Jobs that nothing limits have none.
 */
export function rateShares(
  jobs: readonly SharingJob[],
  agents: readonly Pick<AgentCapacity, 'id' | 'host' | 'site'>[],
  budgets: Budgets | undefined,
): ReadonlyMap<JobId, number> {
  const shares = new Map<JobId, number>()
  if (budgets === undefined) return shares
  const pools = new Map<string, Shared>()
  const byAgent = new Map<AgentId, Pick<AgentCapacity, 'host' | 'site'>>(
    agents.map(each => [each.id, each] as const),
  )
  const poolsOf = jobs.map((job, n) => {
    const wanted = (job.rate ?? 0) > 0 || job.heldTo
    const keys = wanted ? limitsOf(job, byAgent.get(job.agentId), budgets) : []
    return keys.map(([key, rate]) => {
      let pool = pools.get(key)
      if (pool === undefined) {
        pool = { left: rate, weight: 0, jobs: [] }
        pools.set(key, pool)
      }
      if (job.heldTo) {
        pool.weight += weightOf(job)
        pool.jobs.push(n)
      } else pool.left -= job.rate ?? 0
      return pool
    })
  })
  // the budget with the least for each of its jobs decides for these; then the next one, of what is left
  const tightest = new Heap<Shared>()
  for (const pool of pools.values()) if (pool.weight > 0) tightest.push(levelOf(pool), pool)
  while (tightest.size > 0) {
    const { key } = tightest
    const pool = tightest.pop()
    if (pool === undefined || pool.weight <= 0) continue
    const level = levelOf(pool)
    if (level > key) {
      // others took less of it than their part
      tightest.push(level, pool)
      continue
    }
    for (const n of pool.jobs) {
      const job = jobs[n]
      if (job === undefined || shares.has(job.id)) continue
      const share = level * weightOf(job)
      shares.set(job.id, Math.max(least, roundedDown(share)))
      for (const each of poolsOf[n] ?? []) {
        each.left -= share
        each.weight -= weightOf(job)
      }
    }
  }
  return shares
}

/** Every budget of bytes a second that a job takes of, with what there is of it. */
function limitsOf(
  { clusterId, destination, further = [] }: RunningJob,
  agent: Pick<AgentCapacity, 'host' | 'site'> | undefined,
  budgets: Budgets,
): readonly (readonly [key: string, bytesPerSecond: number])[] {
  const found: (readonly [string, number])[] = []
  const add = (
    kind: string,
    name: string | undefined,
    own: ReadonlyMap<string, Budget> | undefined,
    all?: Budget,
  ) => {
    const rate = name === undefined ? undefined : (own?.get(name) ?? all)?.bytesPerSecond
    if (rate !== undefined) found.push([`${kind}/${name}`, rate])
  }
  add('host', agent?.host, budgets.hosts, budgets.host)
  add('site', agent?.site, budgets.sites, budgets.site)
  add('cluster', clusterId, budgets.clusters, budgets.cluster)
  for (const name of new Set([destination, ...further]))
    add('destination', name, budgets.destinations, budgets.destination)
  return found
}

/** Those of which nothing is predicted get something, too. */
function weightOf({ rate = 0 }: RunningJob): number {
  return Math.max(rate, least)
}

function levelOf({ left, weight }: Shared): number {
  return Math.max(0, left) / weight
}

function roundedDown(bytes: number): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, bytes))) - digits)
  return Math.floor(bytes / step) * step
}
