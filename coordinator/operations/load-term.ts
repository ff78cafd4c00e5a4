import { setImmediate as turn } from 'node:timers/promises'
import type { Page, PageRequest } from '../store/port.ts'
import { loadPolicies } from './adopt-policies.ts'
import { beginLeases } from './expire-leases.ts'
import type { Term } from './term.ts'

const pageSize = 1_000

/** Fills the memory of a new term with what is committed, and gives every held attempt a full TTL (J6). */
export async function loadTerm(term: Term): Promise<void> {
  const { read } = term.store
  for await (const cluster of all(page => read.clusters(page))) term.fleet.setCluster(cluster)
  for await (const instance of all(page => read.instances(page, {}))) term.fleet.setInstance(instance)
  for await (const { database, state } of all(page => read.databases(page, {}))) {
    term.fleet.setDatabase(database)
    if (state !== undefined) term.fleet.setState(state)
  }
  const alerts = await read.openAlerts()
  const told = (kind: string) =>
    new Set(alerts.filter(each => each.kind === kind).map(each => each.facts['agent_id']))
  const [silent, cloned] = [told('agent-silent'), told('agent-cloned')]
  const now = term.clock.now()
  term.alerts.load(alerts, await read.silences(now.wall), now.wall)
  for await (const agent of all(page => read.agents(page))) {
    term.live.remember(agent, silent.has(agent.id), now)
    if (cloned.has(agent.id)) term.live.clones.refused(agent.id, now.mono)
  }
  for (const pause of await read.pauses()) term.pauses.set(pause)
  await loadPolicies(term)
  for (const job of await read.openJobs()) term.jobs.set(job)
  beginLeases(term.jobs.all(), term)
}

async function* all<T>(list: (page: PageRequest) => Promise<Page<T>>): AsyncIterable<T> {
  let after: string | undefined
  do {
    const page = await list({ size: pageSize, ...(after === undefined ? {} : { after }) })
    yield* page.items
    // reads of SQLite are done before they return: without a turn between the pages no renewal gets through
    await turn()
    after = page.next
  } while (after !== undefined)
}
