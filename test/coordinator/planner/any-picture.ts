import { Random } from '../../../bench/planner/random.ts'
import type { AgentCapacity, Budgets, PlanInput, QueuedJob } from '../../../coordinator/planner/index.ts'
import { agentId, backup, clusterId, hour, jobId, minute, now } from './world.ts'

const mb = 1e6
const destinations = ['a', 'b', 'c'] as const
const sites = ['x', 'y'] as const

/**
 * A picture with something of everything the planner knows, the same for the same seed: restores by hand, urgent
 * ones, retries, windows, several destinations, ranks, hosts that are away or full, budgets of every kind, backlogs,
 * clusters of many and jobs of none. Durations and promises are few enough that many stand level.
 */
export function anyPicture(seed: number): PlanInput {
  const random = new Random(seed)
  const chance = (part: number) => random.next() < part
  const pick = <T>(values: readonly [T, ...T[]]): T => values[random.below(values.length)] ?? values[0]
  const agents = 1 + random.below(12)
  const clusters = 1 + random.below(15)
  const jobs = 5 + random.below(random.below(10) === 0 ? 600 : 120)
  return {
    now: { wall: now, mono: 0 },
    queued: Array.from({ length: jobs }, (_, n) => anyJob(n)),
    running: Array.from({ length: random.below(8) }, (_, n) => ({
      id: jobId(5_000 + n),
      agentId: agentId(random.below(agents + 1)),
      ...(chance(0.9) ? { clusterId: clusterId(random.below(clusters)) } : {}),
      ...(chance(0.9) ? { destination: pick(destinations) } : {}),
      ...(chance(0.2) ? { further: [pick(destinations)] } : {}),
      ...(chance(0.8) ? { rate: random.below(20) * mb } : {}),
      ...(chance(0.5) ? { bufferBytes: random.below(10) * mb } : {}),
      ...(chance(0.2) ? { stagingBytes: random.below(10) * mb } : {}),
      ...(chance(0.9) ? { endsAt: now + (random.below(100) - 10) * minute } : {}),
    })),
    agents: Array.from({ length: agents }, (_, n) => anyAgent(n)),
    ...(chance(0.3) ? { jobsPerCluster: 1 + random.below(3) } : {}),
    ...(chance(0.9) ? { budgets: anyBudgets() } : {}),
    ...(chance(0.3)
      ? {
          backlogs: new Map(
            Array.from({ length: 3 }, () => [clusterId(random.below(clusters)), random.below(30) * hour]),
          ),
        }
      : {}),
  }

  function anyJob(n: number): QueuedJob {
    const p50 = chance(0.5) ? 10 * minute : Math.ceil(minute * random.logNormal(10, 1.5))
    const dueAt = now - random.below(12) * hour
    const { clusterId: _, ...base } = backup(n)
    const candidates = [...new Set(Array.from({ length: random.below(4) }, () => random.below(agents + 1)))]
    return {
      ...base,
      ...(chance(0.85) ? { clusterId: clusterId(Math.floor(random.next() ** 2 * clusters)) } : {}),
      ...(chance(0.08) ? { kind: 'restore' as const, manual: chance(0.6) } : {}),
      ...(chance(0.04) ? { urgent: true } : {}),
      dueAt,
      notBefore: chance(0.05) ? now + random.below(5) * minute : 0,
      deadline: dueAt + pick([1, 6, 13, 24, 48]) * hour + (chance(0.3) ? random.below(100) * minute : 0),
      p50,
      p90: Math.ceil(p50 * pick([1, 1.25, 2])),
      rate: random.below(12) * mb + pick([0, 0.5]),
      importance: pick([0, 1, 1, 1, 2.5]),
      attempts: random.below(3),
      destination: pick(destinations),
      ...(chance(0.1) ? { further: [pick(destinations)] } : {}),
      ...(chance(0.3) ? { bufferBytes: random.below(8) * mb } : {}),
      ...(chance(0.2) ? { stagingBytes: random.below(8) * mb } : {}),
      ...(chance(0.2) ? { windows: anyWindows() } : {}),
      ...(chance(0.1) ? { mustFinish: false } : {}),
      candidates: candidates.map(agentId),
      ...(chance(0.4) ? { ranks: new Map(candidates.map(each => [agentId(each), random.below(3)])) } : {}),
      ...(chance(0.5) ? { noCandidateReason: { code: 'tools-missing', text: 'no tools' } } : {}),
    }
  }

  function anyWindows() {
    const from = now + (random.below(8) - 5) * hour
    const to = from + (1 + random.below(6)) * hour
    return [
      { from, to },
      { from: from + 24 * hour, to: to + 24 * hour },
    ].filter(each => each.to > now)
  }

  function anyAgent(n: number): AgentCapacity {
    return {
      id: agentId(n),
      host: `host${n}`,
      connected: chance(0.9),
      draining: chance(0.07),
      slots: random.below(4),
      ...(chance(0.6) ? { site: pick(sites) } : {}),
      ...(chance(0.3) ? { bytesPerSecond: random.below(30) * mb } : {}),
      ...(chance(0.4) ? { bufferBytes: random.below(20) * mb } : {}),
      ...(chance(0.3) ? { stagingBytes: random.below(20) * mb } : {}),
    }
  }

  function anyBudgets(): Budgets {
    const budget = () => ({
      ...(chance(0.6) ? { slots: 1 + random.below(6) } : {}),
      ...(chance(0.6) ? { bytesPerSecond: (5 + random.below(60)) * mb } : {}),
    })
    return {
      ...(chance(0.2) ? { host: budget() } : {}),
      ...(chance(0.3) ? { cluster: budget() } : {}),
      ...(chance(0.4) ? { site: budget() } : {}),
      ...(chance(0.8) ? { destination: budget() } : {}),
      ...(chance(0.2) ? { hosts: new Map([['host0', budget()]]) } : {}),
      ...(chance(0.2) ? { clusters: new Map([[clusterId(0), budget()]]) } : {}),
      ...(chance(0.2) ? { sites: new Map([['x', budget()]]) } : {}),
      ...(chance(0.3) ? { destinations: new Map([['a', budget()]]) } : {}),
    }
  }
}
