import {
  type AgentCapacity,
  type PlanInput,
  plan,
  type QueuedJob,
} from '../../../coordinator/planner/index.ts'
import { type Fate, type Simulation, simulate } from '../../../coordinator/planner/simulate.ts'
import { idFrom } from '../../../shared/model/identifiers.ts'
import { uuidOf } from '../jobs/job-maker.ts'

export const minute = 60_000
export const hour = 3_600_000
export const now = 1_800_000_000_000
export const jobId = (n: number) => idFrom('job', uuidOf(n))
export const agentId = (n: number) => idFrom('agent', uuidOf(n))
export const clusterId = (n: number) => idFrom('cluster', uuidOf(n))

/** A backup of ten minutes and 10 MB/s to `main`, on a cluster and a host of its own number. */
export function backup(n: number, change: Partial<QueuedJob> = {}): QueuedJob {
  return {
    id: jobId(n),
    kind: 'backup',
    clusterId: clusterId(n),
    dueAt: now,
    notBefore: 0,
    deadline: now + 100 * hour,
    manual: false,
    p50: 8 * minute,
    p90: 10 * minute,
    sizeBytes: 1e9,
    rate: 10e6,
    importance: 1,
    attempts: 0,
    destination: 'main',
    candidates: [agentId(n)],
    ...change,
  }
}

export function host(n: number, change: Partial<AgentCapacity> = {}): AgentCapacity {
  return { id: agentId(n), host: `host${n}`, connected: true, draining: false, slots: 2, ...change }
}

/** One look. */
export function look(queued: readonly QueuedJob[], change: Partial<PlanInput> = {}) {
  const agents = Array.from({ length: 30 }, (_, n) => host(n))
  const decisions = plan({ now: { wall: now, mono: 0 }, queued, running: [], agents, ...change })
  const of = (n: number) => decisions.find(each => each.jobId === jobId(n))
  return {
    decisions,
    of,
    placed: decisions
      .filter(each => each.kind === 'assign')
      .map(each => Number.parseInt(each.jobId.slice(-4), 16)),
    why: (n: number) => of(n)?.reasons.map(each => each.code),
  }
}

/** Time goes on from `now`; everything takes its median. */
export function course(
  jobs: readonly QueuedJob[],
  change: Partial<Parameters<typeof simulate>[0]> = {},
): Simulation & { startOf(n: number): number | undefined } {
  const fate: (job: QueuedJob) => Fate = job => ({ duration: job.p50, ok: true })
  const simulation = simulate({
    start: now,
    until: now + 24 * hour,
    tick: 1_000,
    jobs,
    agents: Array.from({ length: 30 }, (_, n) => host(n)),
    fateOf: fate,
    ...change,
  })
  return {
    ...simulation,
    startOf: n => simulation.runs.find(each => each.job.id === jobId(n))?.startedAt,
  }
}
