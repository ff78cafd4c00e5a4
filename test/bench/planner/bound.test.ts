import { describe, expect, it } from 'vitest'
import { bound, feasible } from '../../../bench/planner/bound.ts'
import { type Fleet, fleetOf } from '../../../bench/planner/fleets.ts'

const minute = 60_000
const look = 10_000

/** Two jobs of a minute on one cluster, the second due after `second`; attempts fail as told. */
function twoOnACluster(second: number, failures = 0): Fleet {
  const fleet = fleetOf('cluster-bound', 1_000)
  const [first] = fleet.jobs
  if (first === undefined) throw new Error('a fleet without jobs')
  const job = (id: string, deadline: number) => ({
    ...first,
    id: id as typeof first.id,
    deadline: fleet.start + deadline,
  })
  return {
    ...fleet,
    jobs: [job('one', minute + look), job('two', second)],
    fateOf: (_, attempt) => ({ ok: attempt > failures, duration: minute / (failures + 1) }),
  }
}

describe('the check of what could have been in time', () => {
  it('counts what its cluster has to do before, and half a look after each', () => {
    const need = 2 * minute + look
    expect([...feasible(twoOnACluster(need), look)]).toEqual(['one', 'two'])
    expect([...feasible(twoOnACluster(need - 1), look)]).toEqual(['one'])
  })

  it('counts half a look after each attempt that fails, too', () => {
    // three attempts of each, the same minute in all
    const need = 2 * minute + 3 * look
    expect(feasible(twoOnACluster(need, 2), look).has('two')).toBe(true)
    expect(feasible(twoOnACluster(need - 1, 2), look).has('two')).toBe(false)
  })

  it('takes the makespan of one cluster for its work, one after the other', () => {
    expect(bound(twoOnACluster(10 * minute))).toEqual({ value: 2 * minute, by: "a cluster's own work" })
  })
})
