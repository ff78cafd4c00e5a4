import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PlanInput, plan, urgencyOf } from '../../coordinator/planner/index.ts'
import { idFrom } from '../../shared/model/identifiers.ts'
import { uuidOf } from '../coordinator/jobs/job-maker.ts'

const now = 1_800_000_000_000
const agentId = (n: number) => idFrom('agent', uuidOf(n))

const input: fc.Arbitrary<PlanInput> = fc
  .record({
    queued: fc.array(
      fc.record({
        kind: fc.constantFrom('backup' as const, 'restore' as const, 'delete' as const),
        cluster: fc.option(fc.nat({ max: 5 }), { nil: undefined }),
        dueAt: fc.integer({ min: now - 1e8, max: now }),
        notBefore: fc.integer({ min: now - 1e6, max: now + 1e5 }),
        deadline: fc.integer({ min: now - 1e7, max: now + 1e8 }),
        manual: fc.boolean(),
        p50: fc.integer({ min: 1, max: 1e7 }),
        importance: fc.nat({ max: 3 }),
        candidates: fc.uniqueArray(fc.nat({ max: 5 }), { maxLength: 4 }),
      }),
      { maxLength: 30 },
    ),
    running: fc.array(fc.record({ agent: fc.nat({ max: 5 }), cluster: fc.nat({ max: 5 }) }), {
      maxLength: 5,
    }),
    agents: fc.array(
      fc.record({ connected: fc.boolean(), draining: fc.boolean(), slots: fc.nat({ max: 3 }) }),
      { maxLength: 6 },
    ),
  })
  .map(({ queued, running, agents }) => ({
    now: { wall: now, mono: 0 },
    queued: queued.map(({ cluster, candidates, ...rest }, n) => ({
      ...rest,
      id: idFrom('job', uuidOf(100 + n)),
      ...(cluster === undefined ? {} : { clusterId: idFrom('cluster', uuidOf(cluster)) }),
      candidates: candidates.map(agentId),
      p90: rest.p50 * 2,
      sizeBytes: 0,
      attempts: 0,
    })),
    running: running.map(({ agent, cluster }, n) => ({
      id: idFrom('job', uuidOf(500 + n)),
      agentId: agentId(agent),
      clusterId: idFrom('cluster', uuidOf(cluster)),
    })),
    agents: agents.map((agent, n) => ({ id: agentId(n), host: `host${n}`, ...agent })),
  }))

const always = (claim: (input: PlanInput) => void) => fc.assert(fc.property(input, claim), { numRuns: 1_000 })

describe('any plan', () => {
  it('decides each queued job once, with at least one reason', () => {
    always(each => {
      const decisions = plan(each)
      expect(decisions.map(({ jobId }) => jobId).sort()).toEqual(each.queued.map(({ id }) => id).sort())
      for (const { reasons } of decisions) expect(reasons.length).toBeGreaterThan(0)
    })
  })

  it('is the same for the same input, in whatever order it is told', () => {
    always(each => {
      const turned = { ...each, queued: each.queued.toReversed(), agents: each.agents.toReversed() }
      expect(plan(turned)).toEqual(plan(each))
    })
  })

  it('assigns only to a candidate that is connected, takes work and has a slot, and only what may start', () => {
    always(each => {
      const used = new Map<string, number>()
      for (const { agentId: id } of each.running) used.set(id, (used.get(id) ?? 0) + 1)
      for (const decision of plan(each)) {
        if (decision.kind === 'wait') continue
        const job = each.queued.find(({ id }) => id === decision.jobId)
        const agent = each.agents.find(({ id }) => id === decision.agentId)
        expect(job?.candidates).toContain(decision.agentId)
        expect(job?.notBefore).toBeLessThanOrEqual(now)
        expect(agent).toMatchObject({ connected: true, draining: false })
        const extra = job?.manual && job.kind === 'restore' ? 1 : 0
        expect(used.get(decision.agentId) ?? 0).toBeLessThan((agent?.slots ?? 0) + extra)
        used.set(decision.agentId, (used.get(decision.agentId) ?? 0) + 1)
      }
    })
  })

  it('gives a cluster one job at a time, manual restores aside', () => {
    always(each => {
      const busy = new Set<string>(each.running.map(({ clusterId }) => clusterId ?? ''))
      for (const decision of plan(each)) {
        if (decision.kind === 'wait') continue
        const job = each.queued.find(({ id }) => id === decision.jobId)
        if (job?.clusterId === undefined) continue
        if (!(job.manual && job.kind === 'restore')) expect(busy).not.toContain(job.clusterId)
        busy.add(job.clusterId)
      }
    })
  })

  it('leaves nothing waiting that had a place: every waiting job names what stood in its way', () => {
    always(each => {
      for (const decision of plan(each)) {
        if (decision.kind === 'assign') continue
        const job = each.queued.find(({ id }) => id === decision.jobId)
        const codes = decision.reasons.map(({ code }) => code)
        if (codes[0] === 'not-before') expect(job?.notBefore).toBeGreaterThan(now)
        else if (codes[0] === 'no-agent') expect(job?.candidates).toEqual([])
        else if (codes[0] !== 'cluster-busy' && codes[0] !== 'lets-go-first')
          expect(codes).toHaveLength(job?.candidates.length ?? 0)
      }
    })
  })

  it('considers the more urgent first, where no cluster gives them more to do', () => {
    always(input => {
      const each = { ...input, queued: input.queued.map(({ clusterId: _, ...job }) => job) }
      const considered = plan(each)
        .map(({ jobId }) => each.queued.find(({ id }) => id === jobId))
        .filter(job => job !== undefined && job.notBefore <= now && !(job.manual && job.kind === 'restore'))
        .map(job => (job === undefined ? 0 : urgencyOf(job, now)))
      expect(considered).toEqual(considered.toSorted((a, b) => a - b))
    })
  })
})
