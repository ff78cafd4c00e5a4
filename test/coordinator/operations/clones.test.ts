import { expect, test } from 'vitest'
import { AlertBook, alertRules } from '../../../coordinator/alerts/index.ts'
import { FleetMap } from '../../../coordinator/fleet/fleet-map.ts'
import { LiveAgents } from '../../../coordinator/operations/live-agents.ts'
import { loadTerm } from '../../../coordinator/operations/load-term.ts'
import { recordAgent, tellClone } from '../../../coordinator/operations/record-agent.ts'
import { tellClonesOver } from '../../../coordinator/operations/tell-clones-over.ts'
import type { Term } from '../../../coordinator/operations/term.ts'
import { newId } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { agent } from '../../conformance/store-records.ts'
import { freshStore } from '../store/fresh-store.ts'

const heartbeat = 10_000
const quiet = 60 * heartbeat
const day = 86_400_000

/** As much of a term as clones need, on a clock that the test moves. */
async function world() {
  const fresh = await freshStore()
  let mono = 0
  const newTerm = () =>
    ({
      leads: () => true,
      signal: new AbortController().signal,
      store: fresh.store,
      log: silentLog,
      newId,
      clock: { now: () => ({ mono, wall: 1_795_000_000_000 + mono }) },
      settings: { alerts: alertRules(), times: { heartbeat }, configured: { text: '', lines: [] } },
      policies: { now: {}, adopt() {} },
      alerts: new AlertBook(),
      live: new LiveAgents(3 * heartbeat),
      fleet: new FleetMap(),
      jobs: { set() {}, all: () => [] },
      leases: {},
      wakeAlerts() {},
    }) as unknown as Term
  let term = newTerm()
  const seen = agent()
  return {
    hello: () => recordAgent(seen, [], term),
    clone: () => tellClone({ ...seen, hostname: 'clone' }, term),
    /** Lets time pass, then looks; whether the alert is still open. */
    alertAfter: async (ms: number) => {
      mono += ms
      await tellClonesOver(term)
      return (await fresh.store.read.openAlerts()).some(each => each.kind === 'agent-cloned')
    },
    nextTerm: async () => {
      term = newTerm()
      await loadTerm(term)
    },
    [Symbol.asyncDispose]: () => fresh[Symbol.asyncDispose](),
  }
}

test('the alert about a clone ends after a day without it, though its agent never left', async () => {
  await using it = await world()
  await it.hello()
  await it.clone()
  expect(await it.alertAfter(day - 1)).toBe(true)
  expect(await it.alertAfter(1)).toBe(false)
  // and the next clone is told again
  await it.clone()
  expect(await it.alertAfter(0)).toBe(true)
})

test('it ends sooner once the agent is back alone and nobody else came for as long as a clone needs', async () => {
  await using it = await world()
  await it.hello()
  await it.clone()
  await it.alertAfter(1_000)
  await it.hello()
  expect(await it.alertAfter(quiet - 1)).toBe(true)
  expect(await it.alertAfter(1)).toBe(false)
})

test('a clone that comes again voids what was known of its absence', async () => {
  await using it = await world()
  await it.hello()
  await it.clone()
  await it.hello()
  expect(await it.alertAfter(quiet - 1)).toBe(true)
  await it.clone()
  expect(await it.alertAfter(quiet)).toBe(true)
})

test('an alert of an earlier term is ended by this one, its clock runs anew', async () => {
  await using it = await world()
  await it.hello()
  await it.clone()
  await it.alertAfter(day - 1)
  await it.nextTerm()
  expect(await it.alertAfter(quiet)).toBe(true)
  await it.hello()
  expect(await it.alertAfter(quiet)).toBe(false)
})
