import { agents } from './agents.ts'
import { coordinator } from './coordinator.ts'
import { database } from './database.ts'
import { fleet } from './fleet.ts'
import { type Dashboard, dashboardJson } from './panels.ts'

/** All dashboards. */
export const dashboards: readonly Dashboard[] = [fleet, database, agents, coordinator]

/** Their files below the project's root, and what makes each. */
export const dashboardFiles: Readonly<Record<string, () => string>> = Object.fromEntries(
  dashboards.map(each => [`deploy/grafana/dashboards/${each.uid}.json`, () => dashboardJson(each)]),
)
