import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Budgets } from '../../../coordinator/planner/index.ts'
import { rateShares, type SharingJob } from '../../../coordinator/planner/rate-shares.ts'
import { agentId, clusterId, host, jobId } from './world.ts'

const mb = 1_000_000

/** A job on a host and cluster of its own number, to `main`. */
function job(n: number, change: Partial<SharingJob> = {}): SharingJob {
  return {
    id: jobId(n),
    agentId: agentId(n),
    clusterId: clusterId(n),
    destination: 'main',
    rate: 10 * mb,
    heldTo: true,
    ...change,
  }
}
const hosts = Array.from({ length: 30 }, (_, n) => host(n, { site: n < 15 ? 'ams' : 'fra' }))

function shares(jobs: readonly SharingJob[], budgets?: Budgets): readonly (number | undefined)[] {
  const found = rateShares(jobs, hosts, budgets)
  // within the digits that count
  return jobs.map(({ id }) => {
    const share = found.get(id)
    return share === undefined ? undefined : Math.round(share / mb)
  })
}

describe('what each job at work may store a second', () => {
  it('is nobody’s business where no budget limits it', () => {
    expect(shares([job(1)])).toEqual([undefined])
    expect(shares([job(1)], { destination: { slots: 3 } })).toEqual([undefined])
    expect(shares([job(1)], { destinations: new Map([['far', { bytesPerSecond: mb }]]) })).toEqual([
      undefined,
    ])
  })

  it('is all there is for one alone, more than was predicted of it or less', () => {
    const budgets = { destination: { bytesPerSecond: 64 * mb } }
    expect(shares([job(1)], budgets)[0]).toBeGreaterThanOrEqual(62)
    expect(shares([job(1, { rate: 500 * mb })], budgets)[0]).toBeGreaterThanOrEqual(62)
    expect(shares([job(1, { rate: 500 * mb })], budgets)[0]).toBeLessThanOrEqual(64)
  })

  it('is parted by what is predicted of each', () => {
    const [giant = 0, small = 0] = shares([job(1, { rate: 60 * mb }), job(2)], {
      destination: { bytesPerSecond: 100 * mb },
    })
    expect([giant, small]).toEqual([84, 14])
  })

  it('goes to the others where one cannot take its part for want of another budget', () => {
    const [slow = 0, fast = 0] = shares([job(1), job(2)], {
      hosts: new Map([['host1', { bytesPerSecond: 8 * mb }]]),
      destination: { bytesPerSecond: 100 * mb },
    })
    expect(slow).toBe(8)
    expect(fast).toBeGreaterThan(88)
  })

  it('counts each destination a backup is written to, its site and its cluster', () => {
    const far = { destinations: new Map([['far', { bytesPerSecond: 4 * mb }]]) }
    expect(shares([job(1, { further: ['far'] }), job(2)], far)).toEqual([4, undefined])
    const site = { sites: new Map([['fra', { bytesPerSecond: 4 * mb }]]) }
    expect(shares([job(1), job(20)], site)).toEqual([undefined, 4])
    const cluster = { clusters: new Map([[clusterId(1), { bytesPerSecond: 4 * mb }]]) }
    expect(shares([job(1), job(2)], cluster)).toEqual([4, undefined])
  })

  it('leaves to one that cannot be told what was predicted of it', () => {
    const [old, told = 0] = shares([job(1, { heldTo: false, rate: 40 * mb }), job(2)], {
      destination: { bytesPerSecond: 100 * mb },
    })
    expect(old).toBeUndefined()
    expect(told).toBeGreaterThan(57)
    expect(told).toBeLessThanOrEqual(60)
  })

  it('is never nothing: what never ends holds a snapshot for ever', () => {
    const found = rateShares([job(1, { heldTo: false, rate: 90 * mb }), job(2)], hosts, {
      destination: { bytesPerSecond: 50 * mb },
    })
    expect(found.get(jobId(2))).toBe(64 * 1024)
  })

  it('exceeds no budget, and gives each at least what the planner let it start with', () => {
    const some = fc.array(
      fc.record({
        host: fc.integer({ min: 0, max: 29 }),
        cluster: fc.integer({ min: 0, max: 5 }),
        rate: fc.integer({ min: mb, max: 20 * mb }),
        far: fc.boolean(),
      }),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 40 }), (picked, spare) => {
        const jobs = picked.map(({ host: n, cluster, rate, far }, i) =>
          job(i, {
            agentId: agentId(n),
            clusterId: clusterId(cluster),
            rate,
            ...(far ? { further: ['far'] } : {}),
          }),
        )
        const sum = (of: readonly SharingJob[]) => of.reduce((all, each) => all + (each.rate ?? 0), 0)
        const inFar = jobs.filter(each => each.further !== undefined)
        // as much as was admitted, and something beside it
        const budgets = {
          destinations: new Map([
            ['main', { bytesPerSecond: sum(jobs) + spare * mb }],
            ['far', { bytesPerSecond: sum(inFar) + mb }],
          ]),
          site: { bytesPerSecond: sum(jobs) + mb },
        }
        const found = rateShares(jobs, hosts, budgets)
        const taken = (of: readonly SharingJob[]) =>
          of.reduce((all, { id }) => all + (found.get(id) ?? Number.POSITIVE_INFINITY), 0)
        expect(taken(jobs)).toBeLessThanOrEqual(sum(jobs) + spare * mb + 1)
        expect(taken(inFar)).toBeLessThanOrEqual(sum(inFar) + mb + 1)
        // what the last digits are worth
        for (const { id, rate = 0 } of jobs)
          expect((found.get(id) ?? 0) * (1 + 2 ** -5)).toBeGreaterThanOrEqual(rate)
      }),
      { numRuns: 200 },
    )
  })
})
