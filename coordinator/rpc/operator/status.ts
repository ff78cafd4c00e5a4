import { failureToWire } from '../../../shared/wire/failure.ts'
import type { GetStatusRequest, GetStatusResponse } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { type AccessScope, covers } from '../../operations/principal.ts'
import type { Aggregates, ReadModel } from '../../store/port.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { everyPage } from './resolve.ts'

/** GetStatus: the fleet on one screen, from aggregates the writer keeps. */
export function getStatus({ store, operations }: OperatorDeps) {
  return async (_request: GetStatusRequest, { scope }: CallContext): Promise<GetStatusResponse> => {
    const whole = await operations.status()
    const narrowed = scope.kind !== 'fleet'
    const status = narrowed ? { ...whole, ...(await narrowedTo(scope, store.read)) } : whole
    const { aggregates } = status
    const jobs = (state: string) => aggregates.jobs[state] ?? 0
    const protection = (state: string) => aggregates.protection[state] ?? 0
    return {
      version: status.version,
      fleetId: status.fleetId,
      incarnation: status.incarnation,
      term: status.term ?? 0,
      leader: status.leader,
      startedAt: status.startedAt,
      now: status.now,
      storeKind: status.storeKind,
      agentsConnected: status.agentsConnected,
      agentsSilent: status.agentsSilent,
      instances: aggregates.instances,
      databases: aggregates.databases,
      protected: protection('protected'),
      due: protection('due'),
      atRisk: protection('at-risk'),
      breached: protection('breached'),
      unprotected: protection('unprotected'),
      jobsQueued: jobs('queued'),
      jobsRunning: jobs('assigned') + jobs('running') + jobs('cancelling'),
      jobsFailed24h: aggregates.failed24h,
      jobsSucceeded24h: aggregates.succeeded24h,
      runsExpected24h: status.runs.expected,
      runsMade24h: status.runs.made,
      backups: aggregates.backups,
      storedBytes: aggregates.storedBytes,
      discovery: status.discovery.map(source => ({
        source: source.source,
        ok: source.ok,
        lastOkAt: source.lastOkAt ?? 0,
        failure: source.failure && failureToWire(source.failure),
      })),
      outboxPending: status.outbox.pending,
      outboxDead: status.outbox.dead,
      narrowed,
    }
  }
}

/** The same of a part of the fleet, counted now; agents and messages are the whole fleet's, and left out. */
async function narrowedTo(scope: AccessScope, read: ReadModel) {
  const count = (counts: Record<string, number>, key: string) => {
    counts[key] = (counts[key] ?? 0) + 1
  }
  const protection: Record<string, number> = {}
  const jobs: Record<string, number> = {}
  let [instances, databases] = [0, 0]
  for await (const { id: clusterId } of everyPage(after => read.clusters({ size: 1_000, ...after }))) {
    if (!covers(scope, clusterId)) continue
    const present = { clusterId, gone: false }
    for await (const _ of everyPage(after => read.instances({ size: 1_000, ...after }, present))) instances++
    for await (const { database, state } of everyPage(after =>
      read.databases({ size: 1_000, ...after }, present),
    )) {
      if (database.scope === 'database') databases++
      if (state !== undefined) count(protection, state.protection)
    }
  }
  for (const { subject, state } of await read.openJobs())
    if (covers(scope, subject.scope === 'destination' ? undefined : subject.clusterId))
      count(jobs, state.kind)
  const aggregates: Aggregates = {
    ...{ instances, databases, protection, jobs },
    ...{ backups: 0, storedBytes: 0, succeeded24h: 0, failed24h: 0 },
  }
  return {
    aggregates,
    runs: { expected: 0, made: 0 },
    ...{ agentsConnected: 0, agentsSilent: 0, discovery: [], outbox: { pending: 0, dead: 0 } },
  }
}
