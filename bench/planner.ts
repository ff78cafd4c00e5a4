import { cpus, loadavg } from 'node:os'
import { performance } from 'node:perf_hooks'
import { type Plan, type PlanInput, plan } from '../coordinator/planner/index.ts'
import { type Simulation, simulate } from '../coordinator/planner/simulate.ts'
import { atMidnight, atRandomMinutes, type Course, fifo } from './planner/baselines.ts'
import { bound, feasible } from './planner/bound.ts'
import { type Fleet, fleetOf, shapes } from './planner/fleets.ts'
import { forecastSeconds } from './planner/forecast.ts'
import type { BenchResult } from './run.ts'

export const takesOptions = true
export const description =
  'the planner over four named fleets of 100,000 databases, beside FIFO, cron and everything at 00:00'

const hour = 3_600_000
/** Fewer for a quick look: HOLDFAST_BENCH_DATABASES=10000. */
const databases = Number(process.env['HOLDFAST_BENCH_DATABASES'] ?? 100_000)
/** Of the script this replaces: MAX_PARALLEL_BACKUPS. */
const workers = 4_000
/** The coordinator looks when something happened, at most each second; here, what happens in ten seconds is one look. */
const tick = 10_000
/** Looks measured, of which the median counts: what the engine compiles and collects meanwhile takes a part of any one. */
const looks = 25
const middle = (looks - 1) / 2
const targets = { makespan: 1.15, tick5k: 20, tick100k: 150, forecast: 10 }

/** Runs all fleets, or the one of `--fleet NAME`. */
export async function run(
  report: (line: string) => void,
  args: readonly string[] = [],
): Promise<BenchResult> {
  const at = args.indexOf('--fleet')
  const only = at < 0 ? undefined : args[at + 1]
  if (at >= 0 && (only === undefined || shapes[only] === undefined))
    throw new Error(`--fleet takes one of ${Object.keys(shapes).join(', ')}`)
  const result: Record<string, string | number | boolean> = {}
  const missed: string[] = []
  const check = (name: string, ok: boolean) => {
    if (!ok) missed.push(name)
  }
  for (const name of Object.keys(shapes)) {
    if (only !== undefined && name !== only) continue
    const key = name.replaceAll('-', '_')
    const fleet = fleetOf(name, databases)
    report('')
    report(`${name}: ${fleet.about}`)
    const ticks = tickTimes(fleet)
    const lower = bound(fleet)
    const possible = feasible(fleet, tick)
    report(`  bound ${(lower.value / hour).toFixed(2)} h (${lower.by})`)
    report(
      `  a look at ${ticks.all} due: median ${ticks.large.toFixed(0)} ms, best ${ticks.largeBest.toFixed(0)} ms; at ${ticks.some} due: median ${ticks.small.toFixed(1)} ms, best ${ticks.smallBest.toFixed(1)} ms`,
    )
    report(
      `  ${'planner'.padEnd(26)}${'makespan'.padStart(10)}${'÷ bound'.padStart(9)}${'late'.padStart(8)}${'late but feasible'.padStart(19)}${'never'.padStart(7)}${'peak ÷ budget'.padStart(15)}${'most a cluster'.padStart(16)}`,
    )
    const began = performance.now()
    const course = through(fleet)
    const seconds = (performance.now() - began) / 1_000
    const rows: readonly (readonly [string, Course])[] = [
      ['Holdfast', course],
      [`FIFO, ${workers} workers`, fifo(fleet, Math.max(1, Math.round((workers * databases) / 100_000)))],
      ['cron at random minutes', atRandomMinutes(fleet)],
      ['everything at 00:00', atMidnight(fleet)],
    ]
    for (const [label, each] of rows) {
      const late = each.runs.filter(run => run.ok && run.endedAt > run.job.deadline)
      const wrongly = late.filter(run => possible.has(run.job.id)).length
      const ratio = each.makespan / lower.value
      report(
        `  ${label.padEnd(26)}${`${(each.makespan / hour).toFixed(2)} h`.padStart(10)}${ratio.toFixed(2).padStart(9)}${String(late.length).padStart(8)}${String(wrongly).padStart(19)}${String(each.never).padStart(7)}${each.peak.toFixed(2).padStart(15)}${String(mostAtOnce(each)).padStart(16)}`,
      )
      const part = label === 'Holdfast' ? key : `${key}_${label.split(/[ ,]/)[0]?.toLowerCase() ?? ''}`
      result[`${part}_makespan_hours`] = round(each.makespan / hour)
      result[`${part}_ratio`] = round(ratio)
      result[`${part}_late`] = late.length
      result[`${part}_late_but_feasible`] = wrongly
      if (label === 'Holdfast') {
        check(`${name}: ${wrongly} late that were feasible`, wrongly === 0)
        check(`${name}: makespan ${ratio.toFixed(2)} × bound`, ratio <= targets.makespan)
        check(`${name}: a budget was exceeded`, each.peak <= 1)
      }
    }
    report(`  simulated in ${seconds.toFixed(1)} s`)
    result[`${key}_bound_hours`] = round(lower.value / hour)
    result[`${key}_bound_by`] = lower.by
    result[`${key}_tick_100k_ms`] = round(ticks.large)
    result[`${key}_tick_100k_best_ms`] = round(ticks.largeBest)
    result[`${key}_tick_5k_ms`] = round(ticks.small)
    result[`${key}_tick_5k_best_ms`] = round(ticks.smallBest)
    check(`${name}: a look at 5,000 due ${ticks.small.toFixed(1)} ms`, ticks.small <= targets.tick5k)
    check(`${name}: a look at all ${ticks.large.toFixed(0)} ms`, ticks.large <= targets.tick100k)
  }
  if (only === undefined) {
    const seconds = await forecastSeconds(fleetOf('destination-bound', databases))
    report('')
    report(`the next 24 h of ${databases} jobs, in a worker: ${seconds.toFixed(1)} s`)
    result['forecast_seconds'] = round(seconds)
    check(`forecast ${seconds.toFixed(1)} s`, seconds <= targets.forecast)
  }
  for (const each of missed) report(`MISSED ${each}`)
  return {
    ...result,
    databases,
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? '',
    load_average: round(loadavg()[0] ?? 0),
    missed: missed.join('; '),
    ok: missed.length === 0,
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** Looks at a queue where everything is due at once, reasons and all. */
function tickTimes(fleet: Fleet) {
  const some = fleet.jobs.slice(0, 5_000)
  const times = (jobs: PlanInput['queued']): readonly number[] =>
    Array.from({ length: looks }, () => {
      const began = performance.now()
      plan({
        now: { wall: fleet.start + 3 * hour, mono: 0 },
        queued: jobs,
        running: [],
        agents: fleet.agents,
        budgets: fleet.budgets,
      })
      return performance.now() - began
    }).toSorted((a, b) => a - b)
  // each as often unmeasured: the coordinator looks all day, its code is warm
  times(fleet.jobs)
  const large = times(fleet.jobs)
  times(some)
  const small = times(some)
  return {
    all: fleet.jobs.length,
    some: some.length,
    large: large[middle] ?? 0,
    largeBest: large[0] ?? 0,
    small: small[middle] ?? 0,
    smallBest: small[0] ?? 0,
  }
}

/** The real planner through time, offered what the coordinator would offer it. */
function through(fleet: Fleet): Course {
  const peaks = new Peaks(fleet)
  const decide: Plan = input => {
    const decisions = plan(input)
    peaks.see(input, decisions)
    return decisions
  }
  const simulation: Simulation = simulate({
    start: fleet.start,
    until: fleet.start + 7 * 24 * hour,
    tick,
    jobs: fleet.jobs,
    agents: fleet.agents,
    budgets: fleet.budgets,
    perCluster: 2,
    absences: fleet.absences,
    fateOf: fleet.fateOf,
    retryAfter: (_, attempts) => (attempts >= 6 ? undefined : 30_000 * 2 ** (attempts - 1)),
    decide,
  })
  let end = fleet.start
  const done = new Set<string>()
  for (const each of simulation.runs) {
    end = Math.max(end, each.endedAt)
    if (each.ok) done.add(each.job.id)
  }
  return {
    runs: simulation.runs,
    makespan: end - fleet.start,
    never: fleet.jobs.length - done.size,
    peak: peaks.highest,
  }
}

/** How many dumps one cluster had to bear at a time. */
function mostAtOnce({ runs }: Course): number {
  const events = runs
    .flatMap(({ job, startedAt, endedAt }) => [
      { at: startedAt, job, by: 1 },
      { at: endedAt, job, by: -1 },
    ])
    .sort((a, b) => a.at - b.at || a.by - b.by)
  const now = new Map<string, number>()
  let most = 0
  for (const { job, by } of events) {
    const count = (now.get(job.clusterId ?? job.id) ?? 0) + by
    now.set(job.clusterId ?? job.id, count)
    most = Math.max(most, count)
  }
  return most
}

/** The most of a destination's budget that was ever spoken for. */
class Peaks {
  readonly #fleet: Fleet
  readonly #rates: ReadonlyMap<string, { readonly rate: number; readonly destination: string }>
  highest = 0

  constructor(fleet: Fleet) {
    this.#fleet = fleet
    this.#rates = new Map(
      fleet.jobs.map(each => [each.id, { rate: each.rate ?? 0, destination: each.destination ?? '' }]),
    )
  }

  see(input: PlanInput, decisions: ReturnType<Plan>): void {
    const sums = new Map<string, number>()
    const add = (id: string) => {
      const job = this.#rates.get(id)
      if (job !== undefined) sums.set(job.destination, (sums.get(job.destination) ?? 0) + job.rate)
    }
    for (const each of input.running) add(each.id)
    for (const each of decisions) if (each.kind === 'assign') add(each.jobId)
    const budget = this.#fleet.budgets.destination?.bytesPerSecond ?? Number.POSITIVE_INFINITY
    for (const sum of sums.values()) this.highest = Math.max(this.highest, sum / budget)
  }
}
