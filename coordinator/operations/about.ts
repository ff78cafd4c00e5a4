import type { AgentId } from '../../shared/model/identifiers.ts'
import type { About } from '../alerts/index.ts'
import type { FleetMap } from '../fleet/fleet-map.ts'
import type { JobSubject } from '../jobs/job.ts'
import type { DatabaseRecord, InstanceRecord } from '../store/records.ts'
import { databaseOf, policyOf } from './subject.ts'
import type { Term } from './term.ts'

type Known = Pick<Term, 'fleet' | 'policies'>

/** Values of a label: a site of thousands of hosts is routed by its datacenter, not by each host. */
const mostValues = 100

/** Where what is said of a database belongs, and whose trouble would explain it. */
export function aboutDatabase(database: DatabaseRecord, term: Known): About {
  const instances = term.fleet.instancesOf(database.clusterId).filter(each => each.goneSince === undefined)
  const destination = policyOf(database, term)?.destination
  const about = aboutInstances(instances)
  return {
    ...about,
    labels: {
      ...about.labels,
      database: [database.name],
      ...(destination === undefined ? {} : { destination: [destination] }),
    },
    ...(destination === undefined ? {} : { destination }),
  }
}

/** The same for what a job is about. */
export function aboutSubject(subject: JobSubject, term: Known): About {
  if (subject.scope === 'destination')
    return { destination: subject.destination, labels: { destination: [subject.destination] } }
  const database = databaseOf(subject, term.fleet)
  return database === undefined
    ? aboutInstances(term.fleet.instancesOf(subject.clusterId))
    : aboutDatabase(database, term)
}

/** The same for instances whose databases nobody could list. */
export function aboutInstances(instances: readonly InstanceRecord[]): About {
  const agentIds = distinct(instances.map(each => each.agentId ?? ''))
  const sites = distinct(instances.map(each => each.datacenter))
  const [site] = sites
  return {
    labels: labelsOf(instances),
    ...(instances.every(each => each.agentId !== undefined) ? { agentIds } : {}),
    ...(site !== undefined && sites.length === 1 ? { site } : {}),
  }
}

/** Where an agent stands: the datacenter of the instances it answers for. */
export function aboutAgent(agentId: AgentId, hostname: string, fleet: FleetMap): About {
  return aboutHost(hostname, fleet.instancesOfAgent(agentId))
}

/** Instances by the agent that answers for them, tombstones left out: one pass for many agents. */
export function instancesByAgent(fleet: FleetMap): ReadonlyMap<AgentId, readonly InstanceRecord[]> {
  const instances = new Map<AgentId, InstanceRecord[]>()
  for (const instance of fleet.instances()) {
    if (instance.agentId === undefined || instance.goneSince !== undefined) continue
    const known = instances.get(instance.agentId)
    if (known === undefined) instances.set(instance.agentId, [instance])
    else known.push(instance)
  }
  return instances
}

/** The same from instances already at hand. */
export function aboutHost(hostname: string, instances: readonly InstanceRecord[]): About {
  const [site, ...others] = distinct(instances.map(each => each.datacenter))
  return {
    labels: { ...labelsOf(instances), host: [hostname] },
    ...(site === undefined || others.length > 0 ? {} : { site }),
  }
}

function labelsOf(instances: readonly InstanceRecord[]) {
  return {
    datacenter: distinct(instances.map(each => each.datacenter)),
    service: distinct(instances.map(each => each.service)),
    engine: distinct(instances.map(each => each.engine)),
    host: distinct(instances.map(each => each.nodeName)),
  }
}

function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values)].filter(each => each !== '').slice(0, mostValues)
}
