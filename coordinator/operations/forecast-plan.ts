import { setImmediate as turn } from 'node:timers/promises'
import type { AgentId, ClusterId, DatabaseId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { budgetsOf } from '../budget-config.ts'
import { attemptOf, subjectKey } from '../jobs/job.ts'
import type { ForecastJob } from '../planner/forecast.ts'
import type { ShortOf } from '../planner/shortage.ts'
import { forecastInThread } from './forecast-thread.ts'
import { agentsOf, budgetsFor, Look } from './plan-input.ts'
import { databaseOf, nameOf, subjectName, subjectOf } from './subject.ts'
import type { Term } from './term.ts'
import { demandKnownHosts, type WhatIf } from './what-if.ts'

/** Databases looked at between two turns of the loop: some milliseconds. */
const slice = 500

export interface ForecastRequest {
  /** Show what ends after this. */
  readonly from: Millis
  readonly horizon: Duration
  readonly limit: number
  /** Runs shown, where it is another number than that of misses. */
  readonly mostRuns?: number
  readonly suppose: WhatIf
}

/** What something in a forecast is about. */
export interface Planned {
  readonly name: string
  readonly databaseId?: DatabaseId
  /** The row it is a backup of, a cluster's globals included. */
  readonly recordId?: DatabaseId
  readonly clusterId?: ClusterId
  readonly destination: string
  readonly dueAt: Millis
  readonly deadline: Millis
}

export interface PlannedRun extends Planned {
  readonly agentId: AgentId
  readonly host: string
  readonly startsAt: Millis
  readonly endsAt: Millis
  /** It is at work already. */
  readonly running: boolean
}

export interface PlannedMiss extends Planned {
  readonly endsAt?: Millis
  readonly code: string
  readonly text: string
  /** The slot or budget it waits for too long, if it is that. */
  readonly shortOf?: ShortOf
}

export interface PlanForecast {
  readonly madeAt: Millis
  readonly from: Millis
  readonly until: Millis
  readonly runs: readonly PlannedRun[]
  readonly runsTotal: number
  readonly misses: readonly PlannedMiss[]
  readonly missesTotal: number
}

/**
 * What the time ahead will bring by all that is known: what runs, what waits, what will be due, each as long as
 * its P90. The picture is taken in slices and the forecast made in a thread: the event loop goes on.
 */
export async function forecastPlan(
  request: ForecastRequest,
  term: Term,
  signal?: AbortSignal,
): Promise<PlanForecast> {
  const { suppose, from, horizon } = request
  const now = term.clock.now()
  demandKnownHosts(suppose, new Set(term.live.records().map(each => each.hostname)))
  const until = from + horizon
  const about = new Map<string, Omit<Planned, 'dueAt' | 'deadline'>>()
  const look = new Look(term, now.wall, 16)
  const longer = suppose.longer ?? 1
  const asSupposed = (job: ForecastJob): ForecastJob =>
    longer === 1 ? job : { ...job, p50: Math.ceil(job.p50 * longer), p90: Math.ceil(job.p90 * longer) }

  const running = []
  const shown: PlannedRun[] = []
  for (const job of term.jobs.all()) {
    const attempt = attemptOf(job.state)
    if (job.state.kind === 'queued' || attempt === undefined) continue
    const since = attempt.startedAt ?? attempt.assignedAt
    const { endsAt = now.wall, ...rest } = look.running(job, attempt.agentId, since)
    const ends = Math.max(endsAt, now.wall)
    running.push({ ...rest, endsAt: ends })
    shown.push({
      name: subjectName(job.kind, job.subject, term.fleet),
      ...(job.subject.scope === 'database' ? { databaseId: job.subject.databaseId } : {}),
      ...(rest.clusterId === undefined ? {} : { clusterId: rest.clusterId }),
      destination: rest.destination ?? '',
      agentId: attempt.agentId,
      host: term.live.record(attempt.agentId)?.hostname ?? '',
      dueAt: job.dueAt,
      startsAt: since,
      endsAt: ends,
      deadline: 0,
      running: true,
    })
  }

  async function* upcoming(): AsyncIterable<readonly ForecastJob[]> {
    const queued: ForecastJob[] = []
    for (const job of term.jobs.all()) {
      if (job.state.kind !== 'queued') continue
      const each = look.queued(job, job.state.notBefore)
      const record = job.kind === 'backup' ? databaseOf(job.subject, term.fleet) : undefined
      about.set(job.id, {
        name: subjectName(job.kind, job.subject, term.fleet),
        ...(job.subject.scope === 'database' ? { databaseId: job.subject.databaseId } : {}),
        ...(record === undefined ? {} : { recordId: record.id }),
        ...(each.clusterId === undefined ? {} : { clusterId: each.clusterId }),
        destination: each.destination ?? '',
      })
      queued.push(asSupposed(each))
    }
    yield queued
    let jobs: ForecastJob[] = []
    let looked = 0
    for (const { record, state } of term.fleet.databases()) {
      if (++looked % slice === 0) {
        yield jobs
        jobs = []
        await turn()
      }
      if (state?.nextDueAt === undefined || state.nextDueAt >= until || record.goneSince !== undefined)
        continue
      if (term.jobs.hasOpen('backup', subjectKey(subjectOf(record)))) continue
      const each = look.upcoming(record, state)
      if (each === undefined) continue
      about.set(each.id, {
        name: nameOf(record, term.fleet),
        ...(record.scope === 'database' ? { databaseId: record.id } : {}),
        recordId: record.id,
        clusterId: record.clusterId,
        destination: each.destination ?? '',
      })
      jobs.push(asSupposed(each))
    }
    yield jobs
  }

  const away = new Set(suppose.agents_away)
  const budgets = suppose.budgets === undefined ? term.policies.budgets : budgetsOf(suppose.budgets)
  const agents = agentsOf(term, now).map(each => ({
    ...each,
    slots: suppose.slots_per_agent ?? each.slots,
    connected: each.connected && !away.has(each.host),
  }))
  const view = await forecastInThread(
    upcoming(),
    {
      now: now.wall,
      until,
      from,
      limit: request.limit,
      ...(request.mostRuns === undefined ? {} : { mostRuns: request.mostRuns }),
      running,
      agents,
      ...(budgets === undefined ? {} : { budgets: budgetsFor(budgets, term) }),
    },
    signal,
  )
  const known = (id: string) => about.get(id) ?? { name: id, destination: '' }
  return {
    madeAt: now.wall,
    from,
    until,
    runs: [
      ...shown.filter(each => each.endsAt > from).slice(0, request.limit),
      ...view.runs.map(({ jobId, agentId, ...rest }) => ({
        ...known(jobId),
        ...rest,
        agentId,
        host: term.live.record(agentId)?.hostname ?? '',
        running: false,
      })),
    ].slice(0, request.limit),
    runsTotal: shown.filter(each => each.endsAt > from).length + view.runsTotal,
    misses: view.misses.map(({ jobId, ...rest }) => ({ ...known(jobId), ...rest })),
    missesTotal: view.missesTotal,
  }
}
