import type { AgentCapacity, Budgets, QueuedJob } from '../../coordinator/planner/index.ts'
import type { Absence, Fate } from '../../coordinator/planner/simulate.ts'
import type { Span } from '../../coordinator/planner/window.ts'
import { type AgentId, type ClusterId, idFrom } from '../../shared/model/identifiers.ts'
import { Random } from './random.ts'

/** A fleet made of numbers: the same for the same seed. */
export interface Fleet {
  readonly name: string
  readonly about: string
  readonly start: number
  readonly agents: readonly AgentCapacity[]
  readonly jobs: readonly QueuedJob[]
  readonly budgets: Budgets
  readonly absences: readonly Absence[]
  readonly fateOf: (job: QueuedJob, attempt: number) => Fate
}

interface Shape {
  readonly seed: number
  readonly about: string
  /** Median and largest size; the deviation of the logarithm is `spread`. */
  readonly median: number
  readonly spread: number
  readonly largest: number
  /** Stored bytes a second, for each destination. */
  readonly destination: number
  readonly windows?: boolean
  readonly failing?: number
  readonly absences?: number
}

const hour = 3_600_000
const start = Date.UTC(2026, 10, 22)
const slotsPerHost = 2
const hosts = 10_000
const clusters = 5_466
const destinations = ['north', 'east', 'south', 'west'] as const
/** Bytes of database a second of one dump, and what is stored of them. */
const speed = 60e6
const storedPart = 0.25

/** Four fleets, each bound by something else (facts-runtime H1). */
export const shapes: Readonly<Record<string, Shape>> = {
  'giant-bound': {
    seed: 1,
    about: 'sizes to 4 TB: the longest job is the bound',
    median: 0.5e9,
    spread: 2.2,
    largest: 4e12,
    destination: 40e9,
  },
  'cluster-bound': {
    seed: 2,
    about: 'sizes to 60 GB, ample bandwidth: a cluster’s own work is the bound',
    median: 2e9,
    spread: 1.6,
    largest: 60e9,
    destination: 40e9,
  },
  'destination-bound': {
    seed: 3,
    about: 'sizes to 60 GB: what four destinations take is the bound',
    median: 2e9,
    spread: 1.6,
    largest: 60e9,
    destination: 1.8e9,
  },
  'windows-and-failures': {
    seed: 4,
    about: 'sizes to 60 GB, windows at night, 3 % of attempts fail, 200 agents away for an hour',
    median: 2e9,
    spread: 1.6,
    largest: 60e9,
    destination: 4e9,
    windows: true,
    failing: 0.03,
    absences: 200,
  },
}

/** Slack of the promise beyond what is due: a tenth has two hours, a third eight, the rest a day. */
function slackOf(random: Random): number {
  const draw = random.next()
  return draw < 0.1 ? 2 * hour : draw < 0.4 ? 8 * hour : 24 * hour
}

export function fleetOf(name: string, databases: number): Fleet {
  const shape = shapes[name]
  if (shape === undefined) throw new Error(`no fleet is called "${name}"`)
  const random = new Random(shape.seed)
  const scale = databases / 100_000
  const hostCount = Math.max(2, Math.round(hosts * scale))
  const clusterCount = Math.max(1, Math.round(clusters * scale))
  const agents = Array.from({ length: hostCount }, (_, n) => ({
    id: id('agent', n),
    host: `host${n}`,
    connected: true,
    draining: false,
    slots: slotsPerHost,
  }))
  const homes = Array.from({ length: clusterCount }, (_, n) => homeOf(n, clusterCount, agents, random))
  const jobs = Array.from({ length: databases }, (_, n) => jobOf(n, homes, shape, random))
  const absences = Array.from({ length: Math.round((shape.absences ?? 0) * scale) }, () => {
    const from = start + Math.floor(random.next() * 4 * hour)
    return { agentId: id('agent', random.below(hostCount)), from, to: from + hour }
  })
  return {
    name,
    about: shape.about,
    start,
    agents,
    jobs,
    budgets: { destination: { bytesPerSecond: shape.destination * scale } },
    absences,
    fateOf: (job, attempt) => fate(job, attempt, shape),
  }
}

interface Home {
  readonly id: ClusterId
  readonly candidates: readonly AgentId[]
  readonly ranks: ReadonlyMap<AgentId, number>
  readonly destination: string
  readonly window?: Span
}

/** A cluster on one or two hosts; the second holds its replica. */
function homeOf(n: number, count: number, agents: readonly AgentCapacity[], random: Random): Home {
  const primary = agents[n % agents.length]
  const replica = n + count < agents.length ? agents[n + count] : undefined
  const candidates = [primary, replica].flatMap(each => (each === undefined ? [] : [each.id]))
  const opens = start + random.below(3) * hour
  return {
    id: id('cluster', n),
    candidates,
    ranks: new Map(replica === undefined ? [] : [[replica.id, 0]]),
    destination: destinations[random.below(destinations.length)] ?? 'north',
    window: { from: opens, to: opens + 7 * hour },
  }
}

function jobOf(n: number, homes: readonly Home[], shape: Shape, random: Random): QueuedJob {
  // some clusters hold many databases, most hold few
  const home = homes[Math.floor(random.next() ** 1.5 * homes.length)] ?? homes[0]
  if (home === undefined) throw new Error('a fleet without clusters')
  const sizeBytes = Math.min(shape.largest, random.logNormal(shape.median, shape.spread))
  const p50 = Math.ceil(5_000 + (sizeBytes / speed) * 1_000)
  const slack = slackOf(random)
  return {
    id: id('job', n),
    kind: 'backup',
    clusterId: home.id,
    dueAt: start,
    notBefore: start,
    deadline: start + Math.max(slack, 1.5 * p50),
    manual: false,
    p50,
    p90: Math.ceil(p50 * 1.25),
    sizeBytes,
    rate: Math.ceil(((sizeBytes * storedPart) / p50) * 1_000),
    importance: 1,
    attempts: 0,
    destination: home.destination,
    candidates: home.candidates,
    ranks: home.ranks,
    ...(shape.windows === true && home.window !== undefined && slack > 2 * hour
      ? {
          windows: [home.window, { from: home.window.from + 24 * hour, to: home.window.to + 24 * hour }],
        }
      : {}),
  }
}

/** What becomes of an attempt depends on job and attempt alone: every planner meets the same luck. */
function fate(job: QueuedJob, attempt: number, shape: Shape): Fate {
  const random = new Random(Number.parseInt(job.id.slice(-12), 16) * 31 + attempt * 7_919 + shape.seed)
  const duration = Math.max(1_000, Math.round(job.p50 * Math.exp(0.12 * random.normal())))
  return random.next() < (shape.failing ?? 0)
    ? { duration: Math.max(1_000, Math.round(duration * random.next())), ok: false }
    : { duration, ok: true }
}

function id<K extends 'job' | 'agent' | 'cluster'>(kind: K, n: number) {
  return idFrom(kind, `018f0000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`)
}
