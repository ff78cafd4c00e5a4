import type { NamedBudgets } from '../budget-config.ts'
import type { Budget } from '../planner/index.ts'
import { type Finding, leastRate } from '../policy/lint/index.ts'
import type { Term } from './term.ts'

/** What of budgets names nothing there is, or cannot be meant. */
export function budgetFindings(
  budgets: NamedBudgets | undefined,
  term: Pick<Term, 'fleet' | 'settings' | 'live'>,
): readonly Finding[] {
  if (budgets === undefined) return []
  const instances = [...term.fleet.instances()].filter(each => each.goneSince === undefined)
  const known = {
    hosts: new Set([
      ...instances.map(each => each.nodeName),
      ...term.live.records().map(each => each.hostname),
    ]),
    clusters: new Set([...term.fleet.clusters()].map(each => each.name)),
    sites: new Set(instances.map(each => each.datacenter)),
    destinations: new Set(term.settings.destinations.keys()),
  }
  const found: Finding[] = []
  for (const kind of ['hosts', 'clusters', 'sites', 'destinations'] as const)
    for (const [name, budget] of budgets[kind]) {
      const where = `budgets.${kind}.${name}`
      // of no fleet nothing can be said
      if (!known[kind].has(name) && (kind === 'destinations' || instances.length > 0))
        found.push({
          code: 'budget-of-nothing',
          severity: 'warning',
          where,
          text: `there is no such ${kind.slice(0, -1)}`,
        })
      found.push(...small(where, budget))
    }
  for (const kind of ['host', 'cluster', 'site', 'destination'] as const)
    found.push(...small(`budgets.${kind}`, budgets[kind]))
  return found
}

function small(where: string, budget: Budget | undefined): readonly Finding[] {
  const rate = budget?.bytesPerSecond
  return rate === undefined || rate >= leastRate
    ? []
    : [
        {
          code: 'budget-too-small',
          severity: 'error',
          where,
          text: `\`max_rate\` of ${rate} bytes a second lets no backup end: is a unit missing, such as ${rate}MB?`,
        },
      ]
}
