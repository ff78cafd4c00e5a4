import { AppError } from '../../../shared/errors/index.ts'
import { failureToWire } from '../../../shared/wire/failure.ts'
import type { Failure as WireFailure } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import type { Attempt as WireAttempt, Job as WireJob } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { attemptOf, type Job } from '../../jobs/job.ts'
import type { JobView } from '../../operations/index.ts'
import type { ReadModel } from '../../store/port.ts'
import type { AttemptRecord } from '../../store/records.ts'
import type { Names } from './naming.ts'

/** A job as operators see it. Sizes come from its backup once there is one, else from progress. */
export async function jobToWire({ job, progress }: JobView, names: Names, read: ReadModel): Promise<WireJob> {
  const { state, subject } = job
  const attempt = attemptOf(state)
  const backupId = state.kind === 'succeeded' && job.kind !== 'verify' ? state.backupId : readsBackup(job)
  const made =
    state.kind === 'succeeded' && state.backupId !== undefined ? await read.backup(state.backupId) : undefined
  return {
    jobId: job.id,
    kind: job.kind,
    state: state.kind,
    databaseId: subject.scope === 'database' ? subject.databaseId : '',
    clusterId: subject.scope === 'destination' ? '' : subject.clusterId,
    subjectName: await names.subject(subject),
    scope: subject.scope,
    createdAt: job.createdAt,
    dueAt: job.dueAt,
    startedAt: attempt?.startedAt ?? 0,
    endedAt: 'endedAt' in state ? state.endedAt : 0,
    agentId: attempt?.agentId ?? '',
    agentHost: await names.agent(attempt?.agentId),
    attemptId: attempt?.id ?? '',
    epoch: attempt?.epoch ?? 0,
    attempts: job.attempts,
    failure: failureOf(state),
    progress: progress && {
      stage: progress.stage,
      rawBytes: progress.rawBytes,
      storedBytes: progress.storedBytes,
      predictedRawBytes: progress.predictedRawBytes,
      bytesPerSecond: progress.bytesPerSecond,
      remainingMs: progress.remainingMs,
      retries: progress.retries,
    },
    backupId: backupId ?? '',
    origin: job.origin,
    requestedBy: job.requestedBy.name,
    reason: job.reason,
    notBefore: state.kind === 'queued' ? state.notBefore : 0,
    rawBytes: made?.rawBytes ?? 0,
    storedBytes: made?.storedBytes ?? 0,
    into: job.order.kind === 'restore' ? job.order.into : '',
    destination: 'destination' in job.order && job.kind !== 'restore' ? job.order.destination : '',
    observed: undefined,
  }
}

/** The backup that a job is about, other than by making it. */
function readsBackup({ order }: Job): string | undefined {
  return 'backupId' in order ? order.backupId : undefined
}

/** Why it failed, why it waits for another try, or who cancelled it and why. */
function failureOf(state: Job['state']): WireFailure | undefined {
  if (state.kind === 'failed') return failureToWire(state.failure)
  if (state.kind === 'queued') return state.lastFailure && failureToWire(state.lastFailure)
  if (state.kind !== 'cancelled') return undefined
  const { reason } = state
  const by = state.by.kind === 'system' ? 'the coordinator' : state.by.name
  return failureToWire(
    new AppError('job.cancelled', {
      message: `the job was cancelled by ${by}${reason === '' ? '' : `: ${reason}`}`,
      context: { by, reason },
    }).toFailure(),
  )
}

/** An attempt's row as operators see it. */
export async function attemptToWire(attempt: AttemptRecord, names: Names): Promise<WireAttempt> {
  return {
    attemptId: attempt.id,
    epoch: attempt.epoch,
    agentId: attempt.agentId,
    agentHost: await names.agent(attempt.agentId),
    assignedAt: attempt.assignedAt,
    startedAt: attempt.startedAt ?? 0,
    endedAt: attempt.endedAt ?? 0,
    outcome: attempt.outcome ?? '',
    failure: attempt.failure && failureToWire(attempt.failure),
    hooks: (attempt.hooks ?? []).map(run => ({ status: undefined, ...run })),
  }
}
