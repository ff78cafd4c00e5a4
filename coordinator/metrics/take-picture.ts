import { setImmediate as turn } from 'node:timers/promises'
import { LoopShare } from '../../shared/clock/index.ts'
import { longRun } from '../alerts/rules/long-running.ts'
import type { Expiry } from '../identity/door.ts'
import type { LiveAgent, Operations, Status } from '../operations/index.ts'
import type { ShipState } from '../operations/ship-audit.ts'
import { databaseOf, policyOf } from '../operations/subject.ts'
import type { Term } from '../operations/term.ts'
import type { Runs } from '../protection/expected-runs.ts'

/** A set of counts by one label. */
export type Tally = ReadonlyMap<string, number>

/** What a policy has in its care. */
export interface PolicyPicture {
  readonly name: string
  /** Its databases by state of protection. */
  readonly protection: Tally
  /** `data_as_of` of the backup that is oldest among the last good ones, ms; absent before the first. */
  readonly oldestDataAsOf?: number
  /** Runs that schedules asked for in the last day, and those made in time. */
  readonly runs: Runs
  /** Databases that outgrow the time they may take within so long that people are told. */
  readonly outgrowing: number
  /** When a backup of the database that waits longest was last proven, of those that were; ms. */
  readonly oldestProof?: number
}

/** The fleet at one moment, as the gauges show it. */
export interface Picture {
  readonly status: Status
  /** Breached databases and instances with a gap, by reason. */
  readonly breaches: Tally
  readonly gaps: Tally
  /** Database servers on agents' hosts that discovery does not show. */
  readonly unregistered: number
  /** Copies of backups that are asked for and not there, by state. */
  readonly copiesMissing: Tally
  /** Backups that nothing keeps (`expired`) or that are being deleted. */
  readonly leaving: Tally
  /** Databases whose last attempts failed, by the code of the last failure. */
  readonly failing: Tally
  /** Databases that stand in the ledger for want of a proof by restore, by reason. */
  readonly unproven: Tally
  readonly policies: readonly PolicyPicture[]
  readonly agents: readonly (LiveAgent & { readonly hostname: string; readonly clockOffsetMs: number })[]
  readonly leases: number
  /** How shipping the audit goes, by kind of place. */
  readonly ships: readonly ShipState[]
  /** When certificates end, ms. */
  readonly expiries: readonly Expiry[]
  /** For how long the oldest running attempt has been at work, by kind, seconds. */
  readonly longestRunning: Tally
  /** Running backups, and those of them that run long against their own database's history. */
  readonly runningLong: number
}

/** Reads the leader's memory and the store's kept sums: one pass over the fleet in slices, no scan of the store. */
export async function takePicture(
  operations: Operations,
  term: Term | undefined,
  { ships = [], expiries = [] }: Partial<Pick<Picture, 'ships' | 'expiries'>> = {},
): Promise<Picture> {
  const status = await operations.status()
  const breaches = new Map<string, number>()
  const failing = new Map<string, number>()
  const unproven = new Map<string, number>()
  const policies = new Map<
    string,
    { name: string; protection: Map<string, number>; oldest: number; outgrowing: number; oldestProof: number }
  >()
  const share = new LoopShare()
  for (const { state } of term?.fleet.databases() ?? []) {
    if (share.spent) await share.renew()
    if (state === undefined) continue
    if (state.protection === 'breached') add(breaches, state.reason)
    if (state.consecutiveFailures > 0 && state.lastFailure !== undefined) add(failing, state.lastFailure.code)
    if (state.verification?.gap !== undefined) add(unproven, state.verification.gap.reason)
    if (state.policyName === undefined) continue
    let policy = policies.get(state.policyName)
    if (policy === undefined) {
      policy = {
        name: state.policyName,
        protection: new Map(),
        oldest: Number.POSITIVE_INFINITY,
        outgrowing: 0,
        oldestProof: Number.POSITIVE_INFINITY,
      }
      policies.set(state.policyName, policy)
    }
    add(policy.protection, state.protection)
    if (
      state.outgrowsAt !== undefined &&
      state.outgrowsAt - status.now <= (term?.settings.alerts.outgrow.ahead ?? 0)
    )
      policy.outgrowing++
    if (state.verification?.wantedSince !== undefined)
      policy.oldestProof = Math.min(
        policy.oldestProof,
        state.verification.good?.at ?? Number.POSITIVE_INFINITY,
      )
    policy.oldest = Math.min(policy.oldest, state.lastDataAsOf ?? Number.POSITIVE_INFINITY)
  }
  await turn()
  const gaps = new Map<string, number>()
  for (const { gap, goneSince } of term?.fleet.instances() ?? [])
    if (gap !== undefined && goneSince === undefined) add(gaps, gap.code)
  return {
    status,
    breaches,
    gaps,
    unregistered: operations.unregistered().length,
    copiesMissing: (await term?.store.read.missingCounts()) ?? new Map(),
    leaving: (await term?.store.read.leavingCounts()) ?? new Map(),
    failing,
    unproven,
    policies: [...policies.values()].map(({ name, protection, oldest, outgrowing, oldestProof }) => ({
      name,
      protection,
      outgrowing,
      runs: term?.runs.byPolicy.get(name) ?? { expected: 0, made: 0 },
      ...(Number.isFinite(oldest) ? { oldestDataAsOf: oldest } : {}),
      ...(Number.isFinite(oldestProof) ? { oldestProof } : {}),
    })),
    agents: await agentsOf(term),
    leases: term?.leases.size ?? 0,
    ships,
    expiries,
    longestRunning: longestRunning(term, status.now),
    runningLong: runningLong(term, status.now),
  }
}

async function agentsOf(term: Term | undefined): Promise<Picture['agents']> {
  const agents: Picture['agents'][number][] = []
  if (term === undefined) return agents
  const now = term.clock.now()
  const share = new LoopShare()
  for (const record of term.live.records()) {
    if (share.spent) await share.renew()
    const agent = term.live.view(record.id, now)
    if (agent === undefined) continue
    agents.push({ ...agent, hostname: record.hostname, clockOffsetMs: record.clockOffsetMs ?? 0 })
  }
  return agents
}

function longestRunning(term: Term | undefined, now: number): Tally {
  const longest = new Map<string, number>()
  for (const { kind, state } of term?.jobs.all() ?? [])
    if (state.kind === 'running' && state.attempt.startedAt !== undefined)
      longest.set(kind, Math.max(longest.get(kind) ?? 0, (now - state.attempt.startedAt) / 1_000))
  return longest
}

function runningLong(term: Term | undefined, now: number): number {
  let long = 0
  for (const job of term?.jobs.all() ?? []) {
    if (job.kind !== 'backup' || job.state.kind !== 'running') continue
    const { startedAt } = job.state.attempt
    const database = term === undefined ? undefined : databaseOf(job.subject, term.fleet)
    if (term === undefined || database === undefined || startedAt === undefined) continue
    const history = term.fleet.database(database.id)?.state?.recentDurations
    const own = policyOf(database, term)?.longRunning
    if (longRun(now - startedAt, history, term.settings.alerts.longRunning, own) !== undefined) long++
  }
  return long
}

function add(tally: Map<string, number>, key: string): void {
  tally.set(key, (tally.get(key) ?? 0) + 1)
}
