import { describe, expect, test } from 'vitest'
import { type ForecastJob, forecast } from '../../../coordinator/planner/forecast.ts'
import { agentId, backup, clusterId, host, hour, jobId, minute, now } from './world.ts'

const misses = (jobs: readonly ForecastJob[], change: Partial<Parameters<typeof forecast>[0]> = {}) =>
  forecast({
    now,
    until: now + 24 * hour,
    jobs,
    running: [],
    agents: [host(1), host(2), host(3)],
    ...change,
  }).misses

/** Of one cluster, which does one at a time. */
const mate = (n: number, change: Partial<ForecastJob> = {}) =>
  backup(n, { clusterId: clusterId(1), candidates: [agentId(1)], ...change })

describe('P1: a promise that breaks before there is a slot or budget for it', () => {
  test('is told of with what it waits for: its cluster, a slot, a destination', () => {
    const giant = { p50: 4 * hour, p90: 5 * hour, deadline: now + 30 * hour }
    const late = { deadline: now + hour }
    expect(
      misses([mate(1, { ...giant, deadline: now + 5 * hour }), mate(2, { ...late, dueAt: now + 1 })]),
    ).toMatchObject([{ jobId: jobId(2), shortOf: { code: 'cluster-busy' } }])
    const running = [{ id: jobId(9), agentId: agentId(1), endsAt: now + 5 * hour }]
    expect(misses([backup(1, late)], { running, agents: [host(1, { slots: 1 })] })).toMatchObject([
      { jobId: jobId(1), shortOf: { code: 'no-slot', subject: 'host1' } },
    ])
    const budgets = { destinations: new Map([['main', { bytesPerSecond: 15e6 }]]) }
    const stored = running.map(each => ({ ...each, agentId: agentId(2), destination: 'main', rate: 10e6 }))
    expect(misses([backup(1, late)], { running: stored, budgets })).toMatchObject([
      { jobId: jobId(1), shortOf: { code: 'destination-rate', subject: 'main' } },
    ])
  })

  test('is that also where the picture ends before anything is free', () => {
    const running = [{ id: jobId(9), agentId: agentId(1), endsAt: now + 50 * hour }]
    const agents = [host(1, { slots: 1 })]
    expect(misses([backup(1, { deadline: now + hour })], { running, agents })).toMatchObject([
      { jobId: jobId(1), shortOf: { code: 'no-slot' } },
    ])
  })

  test('is none of capacity where it would be late with all of it free, or nobody can do it', () => {
    expect(misses([backup(1, { deadline: now + minute })])[0]).not.toHaveProperty('shortOf')
    // it waits a little, and is long by itself
    const running = [{ id: jobId(9), agentId: agentId(1), endsAt: now + 2 * minute }]
    const waits = misses([backup(1, { deadline: now + 5 * minute })], {
      running,
      agents: [host(1, { slots: 1 })],
    })
    expect(waits).toHaveLength(1)
    expect(waits[0]).not.toHaveProperty('shortOf')
    const away = misses([backup(1, { deadline: now + hour })], { agents: [host(1, { connected: false })] })
    expect(away).toMatchObject([{ code: 'agent-away' }])
    expect(away[0]).not.toHaveProperty('shortOf')
  })

  test('is not told of what makes it', () => {
    expect(misses([mate(1), mate(2)])).toEqual([])
  })
})
