import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sameIdentity } from '../../../coordinator/fleet/conflicts.ts'
import { FleetMap } from '../../../coordinator/fleet/fleet-map.ts'
import { newId } from '../../../shared/clock/index.ts'
import { cluster, instance } from '../../conformance/store-records.ts'

const seen = { firstSeenAt: 1, lastSeenAt: 2 }
const identity = (value: string) => ({ kind: 'postgres-system-identifier', value, ...seen })

describe('the fleet in memory', () => {
  test('finds clusters by what their servers show, whatever was shown and moved before', () => {
    const ids = [newId('cluster'), newId('cluster'), newId('cluster')]
    const change = fc.record({
      which: fc.nat({ max: 2 }),
      shows: fc.uniqueArray(fc.constantFrom('1', '2', '3', '4'), { maxLength: 3 }),
      gone: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 20 }),
        fc.subarray(['1', '2', '3', '4']),
        (changes, asked) => {
          const fleet = new FleetMap()
          for (const { which, shows, gone } of changes)
            fleet.setCluster({
              ...cluster({ evidence: shows.map(identity) }),
              id: ids[which] ?? newId('cluster'),
              ...(gone ? { goneSince: 5 } : {}),
            })
          const walked = [...fleet.clusters()].filter(each =>
            each.evidence.some(({ value }) => asked.includes(value)),
          )
          expect(new Set(fleet.clustersWith(asked.map(identity)))).toEqual(new Set(walked))
        },
      ),
    )
  })

  test('what clusters remember of each other is no identity of theirs', () => {
    const fleet = new FleetMap()
    const other = { kind: sameIdentity, value: newId('cluster'), ...seen }
    fleet.setCluster(cluster({ evidence: [other] }))
    expect(fleet.clustersWith([other])).toEqual([])
  })

  test('an instance is its agent’s and its cluster’s as last set, and of none it left', () => {
    const fleet = new FleetMap()
    const [one, two] = [newId('agent'), newId('agent')]
    const [here, there] = [newId('cluster'), newId('cluster')]
    const { agentId: _, ...server } = instance({ clusterId: here })
    const mate = instance({ clusterId: here, agentId: one })
    fleet.setInstance({ ...server, agentId: one })
    fleet.setInstance(mate)
    expect(fleet.instancesOfAgent(one).map(each => each.id)).toEqual([server.id, mate.id].toSorted())
    fleet.setInstance({ ...server, agentId: two, clusterId: there })
    expect(fleet.instancesOfAgent(one)).toEqual([mate])
    expect(fleet.instancesOf(here)).toEqual([mate])
    expect(fleet.instancesOfAgent(two).map(each => each.id)).toEqual([server.id])
    fleet.setInstance({ ...server, clusterId: there })
    expect(fleet.instancesOfAgent(two)).toEqual([])
    fleet.setInstance({ ...mate, goneSince: 5 })
    expect(fleet.instancesOfAgent(one)).toEqual([])
    expect(fleet.instancesOf(here)).toHaveLength(1)
  })
})
