import type { AgentId } from '../../shared/model/identifiers.ts'
import type { Job } from '../jobs/job.ts'
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
  const instance = instanceFor(job, agentId, term)
  if (instance === undefined) return unresolved('the agent no longer answers for the instance')
  if (order.kind === 'restore') {
    const source = term.settings.destinations.get(order.destination)
    return source === undefined
      ? unresolved(`destination \`${order.destination}\` is not configured`)
      : { kind: 'resolved', assignment: { ...order, instance, source } }
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
      policy,
      backupClass: job.origin === 'operator' ? 'manual' : 'daily',
      backupId: term.newId('backup'),
      predictedRawBytes: state?.lastRawBytes ?? database.sizeBytes,
      ...(state?.lastStoredBytes === undefined ? {} : { predictedStoredBytes: state.lastStoredBytes }),
    },
  }
}

function unresolved(text: string): Resolved {
  return { kind: 'unresolved', text }
}
