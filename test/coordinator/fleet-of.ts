import { FleetMap } from '../../coordinator/fleet/fleet-map.ts'
import { everyPage } from '../../coordinator/rpc/operator/resolve.ts'
import type { Store } from '../../coordinator/store/port.ts'

/** The fleet of a store as a leader would know it, where a test has no leader. */
export async function fleetOf({ read }: Store): Promise<FleetMap> {
  const fleet = new FleetMap()
  const page = { size: 1_000 }
  for await (const each of everyPage(after => read.clusters({ ...page, ...after }))) fleet.setCluster(each)
  for await (const each of everyPage(after => read.instances({ ...page, ...after }, {})))
    fleet.setInstance(each)
  for await (const { database, state } of everyPage(after => read.databases({ ...page, ...after }, {}))) {
    fleet.setDatabase(database)
    if (state !== undefined) fleet.setState(state)
  }
  return fleet
}
