import type { AgentId, ClusterId, JobId } from '../../shared/model/identifiers.ts'
import { isoOf } from '../../shared/time/index.ts'
import { inOrder, type Ranked } from './order.ts'
import type { AgentCapacity, PlanDecision, PlanInput, Reason } from './port.ts'

/**
 * The first planner: in order of need, each job to the candidate with the most room. An agent has slots, a
 * cluster one job at a time; a manual restore may use one slot more than there are and does not wait for its
 * cluster. Every candidate that was passed over is told why, in codes and numbers. One decision for each
 * queued job, in the order considered.
 */
export function plan(input: PlanInput): readonly PlanDecision[] {
  const room = new Room(input)
  const now = input.now.wall
  const ready = input.queued.filter(job => job.notBefore <= now)
  const decisions = inOrder(ready, now).map(ranked => place(ranked, room, now))
  const later = input.queued
    .filter(job => job.notBefore > now)
    .sort((a, b) => a.notBefore - b.notBefore || (a.id < b.id ? -1 : 1))
  for (const job of later)
    decisions.push({
      kind: 'wait',
      jobId: job.id,
      until: job.notBefore,
      reasons: [
        {
          code: 'not-before',
          subject: job.id,
          text: `tried again from ${isoOf(job.notBefore)}`,
          numbers: { not_before: job.notBefore, attempts: job.attempts },
        },
      ],
    })
  return decisions
}

function place(ranked: Ranked, room: Room, now: number): PlanDecision {
  const { job, restore } = ranked
  if (job.candidates.length === 0) {
    const none = job.noCandidateReason ?? { code: 'no-agent', text: 'no agent can do it' }
    return {
      kind: 'wait',
      jobId: job.id,
      reasons: [{ code: none.code, subject: job.id, text: none.text, numbers: {} }],
    }
  }
  const busy = restore ? undefined : room.clusterBusy(job.clusterId)
  if (busy !== undefined) return { kind: 'wait', jobId: job.id, reasons: [busy] }

  const passedOver: Reason[] = []
  let best: Seat | undefined
  for (const id of job.candidates) {
    const seat = room.seat(id, restore)
    if ('code' in seat) passedOver.push(seat)
    else if (best === undefined || better(seat, best)) {
      if (best !== undefined) passedOver.push(fuller(best))
      best = seat
    } else passedOver.push(fuller(seat))
  }
  if (best === undefined) return { kind: 'wait', jobId: job.id, reasons: passedOver }
  room.take(best.agent.id, job.clusterId, job.id)
  return {
    kind: 'assign',
    jobId: job.id,
    agentId: best.agent.id,
    reasons: [placed(ranked, best, now), ...passedOver],
  }
}

/** A free place at an agent: how many it has of what. */
interface Seat {
  readonly agent: AgentCapacity
  readonly used: number
  readonly limit: number
}

/** Most free places, then id. */
function better(one: Seat, other: Seat): boolean {
  const more = one.limit - one.used - (other.limit - other.used)
  return more > 0 || (more === 0 && one.agent.id < other.agent.id)
}

function fuller({ agent, used, limit }: Seat): Reason {
  return {
    code: 'less-room',
    subject: agent.host,
    text: `another has more room: ${used} of ${limit} slots taken here`,
    numbers: { used, slots: limit },
  }
}

const urgencies = ['overdue or close to it', 'due soon', 'in time'] as const

function placed(ranked: Ranked, seat: Seat, now: number): Reason {
  const { job, urgency, weight, backlog, restore } = ranked
  return {
    code: 'placed',
    subject: seat.agent.host,
    text: restore ? 'a person waits for this restore' : urgencies[urgency],
    numbers: {
      urgency,
      slack_ms: job.deadline - now,
      weight,
      backlog_ms: backlog,
      p50_ms: job.p50,
      p90_ms: job.p90,
      used: seat.used,
      slots: seat.limit,
    },
  }
}

/** What is taken: by what runs, and by what this plan has placed so far. */
class Room {
  readonly #agents = new Map<AgentId, AgentCapacity>()
  readonly #used = new Map<AgentId, number>()
  readonly #clusters = new Map<ClusterId, JobId[]>()
  /** Said once for each cluster: thousands may wait for the same reason. */
  readonly #busy = new Map<ClusterId, Reason>()
  readonly #perCluster: number

  constructor(input: PlanInput) {
    this.#perCluster = input.jobsPerCluster ?? 1
    for (const agent of input.agents) this.#agents.set(agent.id, agent)
    for (const job of input.running) this.take(job.agentId, job.clusterId, job.id)
  }

  take(agentId: AgentId, clusterId: ClusterId | undefined, jobId: JobId): void {
    this.#used.set(agentId, (this.#used.get(agentId) ?? 0) + 1)
    if (clusterId === undefined) return
    const jobs = this.#clusters.get(clusterId)
    if (jobs === undefined) this.#clusters.set(clusterId, [jobId])
    else jobs.push(jobId)
    this.#busy.delete(clusterId)
  }

  clusterBusy(clusterId: ClusterId | undefined): Reason | undefined {
    const jobs = clusterId === undefined ? undefined : this.#clusters.get(clusterId)
    const first = jobs?.[0]
    if (clusterId === undefined || jobs === undefined || first === undefined) return undefined
    if (jobs.length < this.#perCluster) return undefined
    const said = this.#busy.get(clusterId)
    if (said !== undefined) return said
    const reason: Reason = {
      code: 'cluster-busy',
      subject: clusterId,
      text: `its cluster is at work on ${first}`,
      numbers: { running: jobs.length, allowed: this.#perCluster },
    }
    this.#busy.set(clusterId, reason)
    return reason
  }

  seat(id: AgentId, restore: boolean): Seat | Reason {
    const agent = this.#agents.get(id)
    if (agent === undefined)
      return { code: 'agent-unknown', subject: id, text: 'never heard of', numbers: {} }
    if (!agent.connected)
      return { code: 'agent-away', subject: agent.host, text: 'its agent is not connected', numbers: {} }
    if (agent.draining)
      return { code: 'agent-draining', subject: agent.host, text: 'its agent takes no new work', numbers: {} }
    const used = this.#used.get(id) ?? 0
    const limit = agent.slots + (restore ? 1 : 0)
    if (used < limit) return { agent, used, limit }
    return {
      code: 'no-slot',
      subject: agent.host,
      text: `${used} of ${limit} slots taken`,
      numbers: { used, slots: limit },
    }
  }
}
