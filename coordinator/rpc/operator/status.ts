import { failureToWire } from '../../../shared/wire/failure.ts'
import type { GetStatusRequest, GetStatusResponse } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'

/** GetStatus: the fleet on one screen, from aggregates the writer keeps. */
export function getStatus({ operations }: OperatorDeps) {
  return async (_request: GetStatusRequest, _context: CallContext): Promise<GetStatusResponse> => {
    const status = await operations.status()
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
    }
  }
}
