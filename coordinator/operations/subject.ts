import type { Duration } from '../../shared/time/index.ts'
import type { FleetMap } from '../fleet/fleet-map.ts'
import { readServiceMeta } from '../fleet/service-meta.ts'
import type { JobKind, JobSubject } from '../jobs/job.ts'
import { predict } from '../planner/index.ts'
import {
  type EffectivePolicy,
  grantWish,
  type Policy,
  type PolicySubject,
  type WishVerdict,
  withImportance,
  withPace,
} from '../policy/index.ts'
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

/** A database as policies select it; undefined while nobody shows an instance of its cluster. */
export function policySubjectOf(database: DatabaseRecord, fleet: FleetMap): PolicySubject | undefined {
  const cluster = fleet.cluster(database.clusterId)
  const instances = fleet.instancesOf(database.clusterId)
  const present = instances.filter(each => each.goneSince === undefined)
  const instance = present[0] ?? instances[0]
  if (cluster === undefined || instance === undefined) return undefined
  return {
    engine: cluster.engine,
    service: instance.service,
    datacenter: instance.datacenter,
    tags: present.length > 1 ? [...new Set(present.flatMap(each => each.tags))].sort() : instance.tags,
    cluster: cluster.name,
    scope: database.scope,
    name: database.name,
    id: database.id,
  }
}

/** The policy in effect for a database; undefined is the gap `no-policy`. */
export function policyOf(
  database: DatabaseRecord,
  term: Pick<Term, 'fleet' | 'policies'>,
): Policy | undefined {
  const policy = wishOf(database, term).policy
  return policy === undefined ? undefined : withPace(policy, () => takes(database, term.fleet))
}

/** The policy the rules choose, and what became of what the service meta of its instances asks for. */
export function wishOf(
  database: DatabaseRecord,
  term: Pick<Term, 'fleet' | 'policies'>,
): WishVerdict & { readonly effective?: EffectivePolicy } {
  const subject = policySubjectOf(database, term.fleet)
  if (subject === undefined) return { policy: undefined }
  const { book } = term.policies
  const rules = book.of(subject)
  const asked = term.fleet
    .instancesOf(database.clusterId)
    .filter(each => each.goneSince === undefined && Object.keys(each.meta).length > 0)
    .map(each => readServiceMeta(each.meta).wishes)
  const name = asked.find(each => each.policy !== undefined)?.policy
  const named = name === undefined ? undefined : book.named(name, subject)
  const granted = name === undefined ? { policy: rules.policy } : grantWish(rules.policy, named?.policy, name)
  const taken = named !== undefined && granted.policy === named.policy
  const verdict = { ...granted, effective: taken ? named : rules }
  const importance = asked.flatMap(each => each.importance ?? [])
  if (verdict.policy === undefined || importance.length === 0) return verdict
  return { ...verdict, policy: withImportance(verdict.policy, Math.max(...importance)) }
}

/** How long a backup of a database takes, pessimistically: the longest of the last ones, else by its size. */
export function takes(database: DatabaseRecord, fleet: FleetMap): Duration {
  const state = fleet.database(database.id)?.state
  const recent = state?.recentDurations ?? []
  if (recent.length > 0) return Math.max(...recent)
  const engine = fleet.cluster(database.clusterId)?.engine
  return predict({
    engine: engine === undefined || engine === 'unknown' ? 'postgres' : engine,
    sizeBytes: database.sizeBytes,
    ...(state?.lastDurationMs === undefined ? {} : { lastDurationMs: state.lastDurationMs }),
  }).p90
}
