import { describe, expect, it } from 'vitest'
import {
  type AgentCapacity,
  type PlanDecision,
  type PlanInput,
  plan,
  type QueuedJob,
  type RunningJob,
} from '../../../coordinator/planner/index.ts'
import { idFrom } from '../../../shared/model/identifiers.ts'
import { uuidOf } from '../jobs/job-maker.ts'

const hour = 3_600_000
const now = 1_800_000_000_000
const jobId = (n: number) => idFrom('job', uuidOf(n))
const agentId = (n: number) => idFrom('agent', uuidOf(n))
const clusterId = (n: number) => idFrom('cluster', uuidOf(n))

function job(n: number, change: Partial<QueuedJob> = {}): QueuedJob {
  return {
    id: jobId(n),
    kind: 'backup',
    clusterId: clusterId(n),
    dueAt: now,
    notBefore: 0,
    deadline: now + 100 * hour,
    manual: false,
    p50: 60_000,
    p90: 120_000,
    sizeBytes: 1e9,
    importance: 0,
    attempts: 0,
    candidates: [agentId(1)],
    ...change,
  }
}

function agent(n: number, change: Partial<AgentCapacity> = {}): AgentCapacity {
  return { id: agentId(n), host: `host${n}`, connected: true, draining: false, slots: 100, ...change }
}

function planned(
  queued: readonly QueuedJob[],
  agents: readonly AgentCapacity[] = [agent(1)],
  running: readonly RunningJob[] = [],
  more: Partial<PlanInput> = {},
): readonly PlanDecision[] {
  return plan({ now: { wall: now, mono: 0 }, queued, running, agents, ...more })
}

const order = (decisions: readonly PlanDecision[]) =>
  decisions.map(each => Number.parseInt(each.jobId.slice(-4), 16))
const codes = (decision: PlanDecision | undefined) =>
  decision?.reasons.map(each => `${each.subject} ${each.code}`)

describe('the jobs of one cluster', () => {
  const mates = { clusterId: clusterId(1) }

  it('stand together where a long one would: ten short ones before a deadline are not ten short ones', () => {
    const ten = Array.from({ length: 10 }, (_, n) => job(n, { ...mates, deadline: now + hour / 4 }))
    // alone, each of them has time for many times its P90; the other’s has less, and is longer
    const decisions = planned([job(50, { deadline: now + hour, p50: hour / 4, p90: hour / 3 }), ...ten])
    expect(order(decisions)[0]).toBe(0)
    expect(order(planned([job(50, { deadline: now + hour, p50: hour / 4, p90: hour / 3 }), job(0)]))[0]).toBe(
      50,
    )
  })

  it('are not left to the last moment: half of its time waited, a job stands before what has more of its left', () => {
    const waited = job(1, { dueAt: now - 2 * hour, deadline: now + hour })
    const fresh = job(2, { deadline: now + 19 * hour, p50: 4 * hour, p90: 5 * hour, importance: 3 })
    expect(order(planned([fresh, waited]))[0]).toBe(2)
    expect(order(planned([{ ...fresh, deadline: now + 30 * hour }, waited]))[0]).toBe(1)
  })

  it('let a short one go first that a somewhat longer one would make late, and that alone is not urgent yet', () => {
    const [tight, wide] = [
      job(1, { ...mates, p50: 7_000, p90: 9_000, deadline: now + 60_000 }),
      job(2, { ...mates, p50: 150_000, p90: 190_000, deadline: now + 22 * hour }),
    ]
    const decisions = planned([wide, tight])
    const of = (n: number) => decisions.find(each => each.jobId === jobId(n))
    expect(of(1)?.kind).toBe('assign')
    expect(of(2)?.kind).toBe('wait')
  })
})

describe('what a person asked for', () => {
  it('goes first when it must, before what is overdue and matters more; only restores come before it', () => {
    const decisions = planned([
      job(1, { deadline: now - hour, importance: 100 }),
      job(2, { urgent: true, manual: true, importance: 1_000 }),
      job(3, { kind: 'restore', manual: true }),
    ])
    expect(order(decisions)).toEqual([3, 2, 1])
    expect(decisions[1]?.reasons[0]).toMatchObject({ code: 'placed', numbers: { urgency: 0, weight: 1_000 } })
  })
})

describe('what waits, with a reason for every candidate', () => {
  it('a job nobody can do says why there is nobody', () => {
    const [decision] = planned([
      job(1, { candidates: [], noCandidateReason: { code: 'ambiguous-agent', text: 'two agents match' } }),
    ])
    expect(decision).toMatchObject({
      kind: 'wait',
      reasons: [{ code: 'ambiguous-agent', text: 'two agents match' }],
    })
    expect(planned([job(1, { candidates: [] })])[0]).toMatchObject({ reasons: [{ code: 'no-agent' }] })
  })

  it('away, draining, full and unknown agents are each told apart, with numbers', () => {
    const candidates = [1, 2, 3, 4].map(agentId)
    const [decision] = planned(
      [job(9, { candidates })],
      [agent(1, { connected: false }), agent(2, { draining: true }), agent(3, { slots: 2 })],
      [
        { id: jobId(50), agentId: agentId(3) },
        { id: jobId(51), agentId: agentId(3) },
      ],
    )
    expect(decision?.kind).toBe('wait')
    expect(codes(decision)).toEqual([
      'host1 agent-away',
      'host2 agent-draining',
      'host3 no-slot',
      `${agentId(4)} agent-unknown`,
    ])
    expect(decision?.reasons[2]).toMatchObject({ numbers: { used: 2, slots: 2 } })
  })

  it('a retry that is not due yet says until when, and does not stand in the way of others', () => {
    const decisions = planned([
      job(1, { notBefore: now + 5, clusterId: clusterId(7) }),
      job(2, { clusterId: clusterId(7) }),
    ])
    expect(decisions.find(each => each.jobId === jobId(1))).toMatchObject({ kind: 'wait', until: now + 5 })
    expect(decisions.find(each => each.jobId === jobId(2))?.kind).toBe('assign')
  })

  it('a cluster has one job at a time, counting what runs and what this plan placed', () => {
    const same = { clusterId: clusterId(7) }
    const first = planned([job(1, same), job(2, same)])
    expect(first.map(each => each.kind)).toEqual(['assign', 'wait'])
    expect(first[1]?.reasons).toMatchObject([{ code: 'cluster-busy', numbers: { running: 1, allowed: 1 } }])
    const second = planned([job(1, same)], [agent(1)], [{ id: jobId(60), agentId: agentId(2), ...same }])
    expect(second[0]?.kind).toBe('wait')
    expect(
      planned([job(1, same), job(2, same)], [agent(1)], [], { jobsPerCluster: 2 }).map(each => each.kind),
    ).toEqual(['assign', 'assign'])
  })

  it('slots are never exceeded, but by one for a restore that a person waits for', () => {
    const decisions = planned(
      [job(1), job(2), job(3, { kind: 'restore', manual: true }), job(4, { kind: 'restore', manual: true })],
      [agent(1, { slots: 1 })],
    )
    expect(decisions.map(each => each.kind)).toEqual(['assign', 'assign', 'wait', 'wait'])
    expect(order(decisions)).toEqual([3, 4, 1, 2])
  })
})

describe('the order', () => {
  it('manual restores; urgency; importance and ageing; backlog; longest; id', () => {
    const restore = job(1, { kind: 'restore', manual: true })
    const overdue = job(2, { deadline: now - 1 })
    const soon = job(3, { deadline: now + 3 * 120_000 })
    const important = job(4, { importance: 2 })
    const aged = job(5, { dueAt: now - hour })
    const backlog = [job(6, { clusterId: clusterId(70) }), job(7, { clusterId: clusterId(70) })]
    const longest = job(8, { p50: 90_000 })
    const plain = [job(9), job(10)]
    const right = [restore, overdue, soon, important, aged, ...backlog, longest, ...plain]
    expect(order(planned([...right].reverse()))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('a restore that nobody asked for by hand has no precedence', () => {
    expect(order(planned([job(1, { deadline: now }), job(2, { kind: 'restore' })]))).toEqual([1, 2])
  })

  it('what waits for long overtakes what is more important', () => {
    expect(order(planned([job(1, { importance: 5 }), job(2, { dueAt: now - 6 * hour })]))).toEqual([2, 1])
  })
})

describe('the place', () => {
  it('is the candidate with most room, then the lowest id; the others are told', () => {
    const candidates = [agentId(3), agentId(2), agentId(1)]
    const agents = [agent(1, { slots: 2 }), agent(2, { slots: 4 }), agent(3, { slots: 4 })]
    const [decision] = planned([job(9, { candidates })], agents)
    expect(decision).toMatchObject({ kind: 'assign', agentId: agentId(2) })
    expect(codes(decision)).toEqual(['host2 placed', 'host3 less-room', 'host1 less-room'])
    expect(decision?.reasons[0]?.numbers).toMatchObject({ urgency: 2, used: 0, slots: 4, p50_ms: 60_000 })
  })

  it('spreads jobs over agents as it goes', () => {
    const candidates = [agentId(1), agentId(2)]
    const decisions = planned(
      [1, 2, 3, 4].map(n => job(n, { candidates })),
      [agent(1, { slots: 2 }), agent(2, { slots: 2 })],
    )
    expect(decisions.map(each => each.kind === 'assign' && each.agentId)).toEqual([1, 2, 1, 2].map(agentId))
  })
})
