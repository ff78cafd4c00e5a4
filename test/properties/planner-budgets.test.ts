import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PlanInput, plan, type QueuedJob } from '../../coordinator/planner/index.ts'
import { agentId, backup, clusterId, host, hour, jobId, minute, now } from '../coordinator/planner/world.ts'

const mb = 1e6
const destinations = ['a', 'b'] as const

const input: fc.Arbitrary<PlanInput> = fc
  .record({
    queued: fc.array(
      fc.record({
        cluster: fc.nat({ max: 6 }),
        hosts: fc.uniqueArray(fc.nat({ max: 4 }), { maxLength: 3 }),
        rate: fc.integer({ min: 0, max: 60 }),
        minutes: fc.integer({ min: 1, max: 300 }),
        destination: fc.constantFrom(...destinations),
        slack: fc.integer({ min: -60, max: 3_000 }),
        restore: fc.boolean(),
        byHand: fc.boolean(),
        notBefore: fc.integer({ min: -5, max: 1 }),
        window: fc.option(
          fc.record({ opens: fc.integer({ min: -60, max: 60 }), open: fc.integer({ min: 1, max: 200 }) }),
          {
            nil: undefined,
          },
        ),
      }),
      { maxLength: 40 },
    ),
    running: fc.array(
      fc.record({
        cluster: fc.nat({ max: 6 }),
        host: fc.nat({ max: 4 }),
        rate: fc.integer({ min: 0, max: 20 }),
        left: fc.integer({ min: -10, max: 100 }),
        destination: fc.constantFrom(...destinations),
      }),
      { maxLength: 4 },
    ),
    hosts: fc.array(fc.record({ slots: fc.integer({ min: 0, max: 4 }), site: fc.constantFrom('x', 'y') }), {
      minLength: 1,
      maxLength: 5,
    }),
    rate: fc.integer({ min: 20, max: 100 }),
    siteRate: fc.integer({ min: 20, max: 100 }),
    slots: fc.integer({ min: 1, max: 6 }),
    perCluster: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ queued, running, hosts, rate, siteRate, slots, perCluster }) => ({
    now: { wall: now, mono: 0 },
    queued: queued.map((each, n) =>
      backup(100 + n, {
        clusterId: clusterId(each.cluster),
        candidates: each.hosts.map(agentId),
        rate: each.rate * mb,
        p50: each.minutes * minute,
        p90: Math.ceil(each.minutes * minute * 1.3),
        destination: each.destination,
        deadline: now + each.slack * minute,
        notBefore: now + each.notBefore * minute,
        ...(each.restore ? { kind: 'restore' as const, manual: each.byHand } : {}),
        ...(each.window === undefined
          ? {}
          : {
              windows: [
                {
                  from: now + each.window.opens * minute,
                  to: now + (each.window.opens + each.window.open) * minute,
                },
              ],
            }),
      }),
    ),
    running: running.map((each, n) => ({
      id: jobId(900 + n),
      agentId: agentId(each.host),
      clusterId: clusterId(each.cluster),
      destination: each.destination,
      rate: each.rate * mb,
      endsAt: now + each.left * minute,
    })),
    agents: hosts.map((each, n) => host(n, each)),
    budgets: {
      cluster: { slots: perCluster },
      site: { bytesPerSecond: siteRate * mb },
      destination: { bytesPerSecond: rate * mb, slots },
      destinations: new Map([['b', { slots: 2 * slots }]]),
    },
  }))

const always = (claim: (input: PlanInput) => void) => fc.assert(fc.property(input, claim), { numRuns: 300 })
const byHand = (job: QueuedJob) => job.manual && job.kind === 'restore'

/** What a plan takes of things, with what runs; and how many restores that need not ask are among it. */
function taken(
  each: PlanInput,
  keyOf: (job: QueuedJob | PlanInput['running'][number], agent: string) => string | undefined,
) {
  const sums = new Map<string, { slots: number; rate: number; before: number; beforeRate: number }>()
  const add = (key: string | undefined, rate: number, running: boolean) => {
    if (key === undefined) return
    const sum = sums.get(key) ?? { slots: 0, rate: 0, before: 0, beforeRate: 0 }
    sum.slots++
    sum.rate += rate
    if (running) {
      sum.before++
      sum.beforeRate += rate
    }
    sums.set(key, sum)
  }
  for (const job of each.running) add(keyOf(job, job.agentId), job.rate ?? 0, true)
  for (const decision of plan(each)) {
    if (decision.kind === 'wait') continue
    const job = each.queued.find(({ id }) => id === decision.jobId)
    if (job !== undefined && !byHand(job)) add(keyOf(job, decision.agentId), job.rate ?? 0, false)
  }
  return sums
}

describe('any plan with budgets', () => {
  it('exceeds none: not of a destination, a site, a cluster; what exceeded one before gets nothing more', () => {
    always(each => {
      const { budgets } = each
      for (const [name, sum] of taken(each, job => job.destination)) {
        const budget = budgets?.destinations?.get(name) ?? budgets?.destination
        expect(sum.slots).toBeLessThanOrEqual(Math.max(budget?.slots ?? Number.POSITIVE_INFINITY, sum.before))
        // one that wants more than there is gets all there is, alone
        const most = budget?.bytesPerSecond ?? Number.POSITIVE_INFINITY
        if (sum.slots > 1) expect(sum.rate).toBeLessThanOrEqual(Math.max(most, sum.beforeRate))
      }
      const siteOf = (agent: string) => each.agents.find(({ id }) => id === agent)?.site
      for (const sum of taken(each, (_, agent) => siteOf(agent)).values())
        if (sum.slots > 1)
          expect(sum.rate).toBeLessThanOrEqual(
            Math.max(budgets?.site?.bytesPerSecond ?? 0, sum.beforeRate) + 60 * mb * Number(zeroRated(each)),
          )
      for (const sum of taken(each, job => job.clusterId).values())
        expect(sum.slots).toBeLessThanOrEqual(Math.max(budgets?.cluster?.slots ?? 1, sum.before))
    })
  })

  it('decides each job once, and every one that waits has a reason with a code and numbers', () => {
    always(each => {
      const decisions = plan(each)
      expect(decisions.map(({ jobId: id }) => id).sort()).toEqual(each.queued.map(({ id }) => id).sort())
      for (const { reasons } of decisions) {
        expect(reasons.length).toBeGreaterThan(0)
        for (const { code, numbers } of reasons) {
          expect(code).not.toBe('')
          expect(Object.values(numbers).every(Number.isFinite)).toBe(true)
        }
      }
    })
  })

  it('is the same for the same input, in whatever order that is told', () => {
    always(each => {
      const turned: PlanInput = {
        ...each,
        queued: each.queued.toReversed().map(job => ({ ...job, candidates: job.candidates.toReversed() })),
        running: each.running.toReversed(),
        agents: each.agents.toReversed(),
      }
      const sorted = (decisions: ReturnType<typeof plan>) =>
        decisions.map(decision => ({
          ...decision,
          reasons: decision.reasons.map(({ code, subject }) => `${subject} ${code}`).sort(),
        }))
      expect(sorted(plan(turned))).toEqual(sorted(plan(each)))
    })
  })

  it('starts nothing outside its window, and nothing that would not end in it', () => {
    always(each => {
      for (const decision of plan(each)) {
        const job = each.queued.find(({ id }) => id === decision.jobId)
        if (decision.kind === 'wait' || job?.windows === undefined || byHand(job)) continue
        const open = job.windows.find(({ from, to }) => from <= now && now < to)
        expect(open?.to).toBeGreaterThanOrEqual(now + job.p90)
      }
    })
  })

  it('whatever waits only for time says until when, and it is ahead', () => {
    always(each => {
      for (const decision of plan(each))
        if (decision.kind === 'wait' && decision.until !== undefined) {
          expect(decision.until).toBeGreaterThan(now)
          expect(decision.until).toBeLessThan(now + 48 * hour)
        }
    })
  })
})

/** A job that wants more than a whole budget is cut to it; sums of what was asked then say more than was given. */
function zeroRated(each: PlanInput): boolean {
  return each.queued.some(job => (job.rate ?? 0) > (each.budgets?.site?.bytesPerSecond ?? 0))
}
