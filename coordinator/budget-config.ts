import { z } from 'zod'
import { byteSize } from '../shared/config/index.ts'
import type { Budget } from './planner/index.ts'

/** Budgets as people write them: hosts and clusters by their names. */
export interface NamedBudgets {
  readonly host?: Budget
  readonly cluster?: Budget
  readonly site?: Budget
  readonly destination?: Budget
  readonly hosts: ReadonlyMap<string, Budget>
  readonly clusters: ReadonlyMap<string, Budget>
  /** By datacenter. */
  readonly sites: ReadonlyMap<string, Budget>
  readonly destinations: ReadonlyMap<string, Budget>
}

/** Jobs at a time, and stored bytes a second over all of them. */
const budget = z.strictObject({
  slots: z.int().min(1).optional(),
  max_rate: byteSize().optional(),
})
const budgetsByName = z.record(z.string().min(1), budget).optional()

/** For each of a kind, and for single ones by name, which then replace the kind's. */
export const budgetsSchema = z.strictObject({
  host: budget.optional(),
  cluster: budget.optional(),
  site: budget.optional(),
  destination: budget.optional(),
  hosts: budgetsByName,
  clusters: budgetsByName,
  sites: budgetsByName,
  destinations: budgetsByName,
})

/** Budgets as the planner takes them. A rate of 0 would stop everything for ever: it is no limit. */
export function budgetsOf(given: z.infer<typeof budgetsSchema>): NamedBudgets {
  const one = (each: z.infer<typeof budget>): Budget => ({
    ...(each.slots === undefined ? {} : { slots: each.slots }),
    ...(each.max_rate === undefined || each.max_rate === 0 ? {} : { bytesPerSecond: each.max_rate }),
  })
  const all = (each: z.infer<typeof budgetsByName>) =>
    new Map(Object.entries(each ?? {}).map(([name, value]) => [name, one(value)]))
  return {
    ...(given.host === undefined ? {} : { host: one(given.host) }),
    ...(given.cluster === undefined ? {} : { cluster: one(given.cluster) }),
    ...(given.site === undefined ? {} : { site: one(given.site) }),
    ...(given.destination === undefined ? {} : { destination: one(given.destination) }),
    hosts: all(given.hosts),
    clusters: all(given.clusters),
    sites: all(given.sites),
    destinations: all(given.destinations),
  }
}
