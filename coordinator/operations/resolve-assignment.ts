import type { Destination } from '../../shared/model/destination.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'
import type { Job } from '../jobs/job.ts'
import type { Policy } from '../policy/index.ts'
import { instanceFor } from './candidates.ts'
import type { Assignment } from './messenger.ts'
import { databaseOf, policyOf } from './subject.ts'
import type { Term } from './term.ts'

export type Resolved =
  | { readonly kind: 'resolved'; readonly assignment: Assignment }
  | { readonly kind: 'unresolved'; readonly text: string }

/** What exactly `agentId` is to do for `job`, by fleet and policy as they are now. */
export function resolveAssignment(job: Job, agentId: AgentId, term: Term): Resolved {
  const { order } = job
  if (order.kind === 'delete') {
    const to = term.settings.destinations.get(order.destination)
    return to === undefined
      ? unresolved(`destination \`${order.destination}\` is not configured`)
      : { kind: 'resolved', assignment: { ...order, to } }
  }
  if (order.kind === 'copy') {
    const target = term.settings.destinations.get(order.destination)
    const sources = configured(order.sources, term)
    if (target === undefined) return unresolved(`destination \`${order.destination}\` is not configured`)
    if (sources.length === 0) return unresolved('no destination that holds the backup is configured')
    const timeout = policyFor(job, term)?.timeout
    return {
      kind: 'resolved',
      assignment: { ...order, sources, target, ...(timeout === undefined ? {} : { timeout }) },
    }
  }
  if (order.kind === 'verify') {
    const sources = configured(order.sources, term)
    return sources.length === 0
      ? unresolved('no destination that holds the backup is configured')
      : { kind: 'resolved', assignment: { ...order, sources } }
  }
  const instance = instanceFor(job, agentId, term, policyFor(job, term))
  if (instance === undefined) return unresolved('the agent no longer answers for the instance')
  if (order.kind === 'restore') {
    const source = term.settings.destinations.get(order.destination)
    const timeout = policyFor(job, term)?.restoreTimeout
    return source === undefined
      ? unresolved(`destination \`${order.destination}\` is not configured`)
      : {
          kind: 'resolved',
          assignment: {
            ...order,
            instance,
            source,
            fallbacks: configured(order.fallbacks ?? [], term),
            ...(timeout === undefined ? {} : { timeout }),
          },
        }
  }
  const database = databaseOf(job.subject, term.fleet)
  const cluster = database === undefined ? undefined : term.fleet.cluster(database.clusterId)
  if (database === undefined || cluster === undefined) return unresolved('the database is not known any more')
  const policy = policyOf(database, term)
  if (policy === undefined) return unresolved('no policy matches the database any more')
  const destination = term.settings.destinations.get(policy.destination)
  if (destination === undefined) return unresolved(`destination \`${policy.destination}\` is not configured`)
  const state = term.fleet.database(database.id)?.state
  return {
    kind: 'resolved',
    assignment: {
      kind: 'backup',
      instance,
      clusterId: cluster.id,
      clusterName: cluster.name,
      scope: database.scope,
      databaseId: database.id,
      databaseName: database.name,
      destination,
      further: policy.copies?.when === 'at-once' ? configured(policy.copies.destinations, term) : [],
      policy,
      backupClass: job.origin === 'operator' ? 'manual' : 'daily',
      backupId: term.newId('backup'),
      predictedRawBytes: state?.lastRawBytes ?? database.sizeBytes,
      ...(state?.lastStoredBytes === undefined ? {} : { predictedStoredBytes: state.lastStoredBytes }),
    },
  }
}

/** The policy of the database that a job is about; none of one that is not known any more. */
function policyFor({ subject }: Job, term: Term): Policy | undefined {
  const record = databaseOf(subject, term.fleet)
  return record === undefined ? undefined : policyOf(record, term)
}

function configured(names: readonly string[], term: Term): readonly Destination[] {
  return names.flatMap(name => term.settings.destinations.get(name) ?? [])
}

function unresolved(text: string): Resolved {
  return { kind: 'unresolved', text }
}
