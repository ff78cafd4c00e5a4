import type { FleetMap } from '../fleet/fleet-map.ts'
import type { JobKind, JobSubject } from '../jobs/job.ts'
import { choosePolicy, type Policy } from '../policy/index.ts'
import type { DatabaseRecord } from '../store/records.ts'
import type { Term } from './term.ts'

/** The row of the database, or of a cluster's globals, that a subject is about; none for destinations. */
export function databaseOf(subject: JobSubject, fleet: FleetMap): DatabaseRecord | undefined {
  switch (subject.scope) {
    case 'database':
      return fleet.database(subject.databaseId)?.record
    case 'cluster':
      return fleet.globalsOf(subject.clusterId)?.record
    case 'destination':
      return undefined
  }
}

/** The subject of a database row's backups. */
export function subjectOf(database: DatabaseRecord): JobSubject {
  return database.scope === 'cluster'
    ? { scope: 'cluster', clusterId: database.clusterId }
    : { scope: 'database', clusterId: database.clusterId, databaseId: database.id }
}

/** A database as people name it: `service/name`, `service/(globals)`. */
export function nameOf(database: DatabaseRecord, fleet: FleetMap): string {
  const cluster = fleet.cluster(database.clusterId)?.name ?? database.clusterId
  return database.scope === 'cluster' ? `${cluster}/(globals)` : `${cluster}/${database.name}`
}

/** A job's subject as people name it. */
export function subjectName(kind: JobKind, subject: JobSubject, fleet: FleetMap): string {
  if (subject.scope === 'destination') return `${kind} in ${subject.destination}`
  const database = databaseOf(subject, fleet)
  return database === undefined ? subject.clusterId : nameOf(database, fleet)
}

/** The policy in effect for a database; undefined is the gap `no-policy`. */
export function policyOf(
  database: DatabaseRecord,
  term: Pick<Term, 'fleet' | 'settings'>,
): Policy | undefined {
  const cluster = term.fleet.cluster(database.clusterId)
  const instances = term.fleet.instancesOf(database.clusterId)
  const instance = instances.find(each => each.goneSince === undefined) ?? instances[0]
  if (cluster === undefined || instance === undefined) return undefined
  const choice = choosePolicy(term.settings.policies, {
    engine: cluster.engine,
    service: instance.service,
    datacenter: instance.datacenter,
    scope: database.scope,
    name: database.name,
  })
  return choice.policy
}
