import { AppError } from '../../../shared/errors/index.ts'
import type { JobId } from '../../../shared/model/identifiers.ts'
import type {
  CancelJobRequest,
  CancelJobResponse,
  ExplainJobRequest,
  ExplainJobResponse,
  GetJobRequest,
  GetJobResponse,
  ListJobsRequest,
  ListJobsResponse,
  WatchJobRequest,
  WatchJobResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { isEnded, type Job } from '../../jobs/job.ts'
import type { JobView } from '../../operations/index.ts'
import { type AccessScope, covers } from '../../operations/principal.ts'
import type { PageRequest } from '../../store/port.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { fullPage } from './full-page.ts'
import { attemptToWire, jobToWire } from './job-to-wire.ts'
import { Names } from './naming.ts'
import { filterOf, oneOf, pageOf, requireId, stretchKeys, stretchOf } from './narrow.ts'
import { observedOf } from './observed.ts'
import { resolveDatabase } from './resolve.ts'
import { narrowingOf, seekOf, selectsSubject } from './selected.ts'

const states = ['queued', 'assigned', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled'] as const
const kinds = ['backup', 'restore', 'delete', 'copy', 'verify'] as const

/** ListJobs, newest first. */
export function listJobs({ store, operations }: OperatorDeps) {
  return async (request: ListJobsRequest, { scope }: CallContext): Promise<ListJobsResponse> => {
    const page = pageOf(request)
    const filter = filterOf(request, ['state', 'kind', 'database', 'open', 'selector', ...stretchKeys])
    const state = oneOf(filter, 'state', states)
    const kind = oneOf(filter, 'kind', kinds)
    const open = oneOf(filter, 'open', ['true', 'false'])
    const reference = filter.get('database')
    const database = reference === undefined ? undefined : await resolveDatabase(store.read, scope, reference)
    const narrowing = narrowingOf(filter, scope, operations)
    const seek = narrowing === undefined ? { exact: true } : seekOf(narrowing)
    const ask = (page: PageRequest) => store.read.jobs(page, asked)
    const asked = {
      ...stretchOf(filter),
      ...(state === undefined ? {} : { state }),
      ...(kind === undefined ? {} : { kind }),
      ...(open === undefined ? {} : { open: open === 'true' }),
      ...(database === undefined
        ? seek.filter
        : database.scope === 'database'
          ? { databaseId: database.id }
          : { clusterId: database.clusterId }),
    }
    const { items, next } =
      database === undefined && seek.exact
        ? await ask(page)
        : await fullPage(
            page,
            ask,
            job =>
              (database === undefined || job.subject.scope === database.scope) &&
              (narrowing === undefined || selectsSubject(narrowing, job.subject)),
          )
    const names = new Names(store.read)
    const jobs = await Promise.all(
      items.map(job => jobToWire({ job, progress: operations.progressOf(job.id) }, names, store.read)),
    )
    return { jobs, nextPageToken: next ?? '' }
  }
}

/** GetJob, with its attempts. */
export function getJob({ store, operations }: OperatorDeps) {
  return async (request: GetJobRequest, { scope }: CallContext): Promise<GetJobResponse> => {
    const view = await visibleJob(operations, scope, request.jobId)
    const names = new Names(store.read)
    const attempts = await store.read.attempts(view.job.id)
    return {
      job: {
        ...(await jobToWire(view, names, store.read)),
        observed: await observedOf(view.job, attempts, store.read),
      },
      attempts: await Promise.all(attempts.map(attempt => attemptToWire(attempt, names))),
    }
  }
}

/** ExplainJob: every decision about it with its reasons, oldest first. */
export function explainJob({ store, operations }: OperatorDeps) {
  return async (request: ExplainJobRequest, { scope }: CallContext): Promise<ExplainJobResponse> => {
    const view = await visibleJob(operations, scope, request.jobId)
    const decisions = await store.read.decisions(view.job.id)
    return {
      job: await jobToWire(view, new Names(store.read), store.read),
      decisions: decisions.map(({ at, kind, subject, code, text, numbers }) => ({
        at,
        kind,
        subject,
        code,
        text,
        numbers: Object.entries(numbers).map(([name, value]) => ({ name, value: String(value) })),
      })),
    }
  }
}

/** WatchJob: the job now, then at every change and progress, until it ended. */
export function watchJob({ store, operations }: OperatorDeps) {
  return async function* (
    request: WatchJobRequest,
    { scope, signal }: CallContext,
  ): AsyncIterable<WatchJobResponse> {
    const { job } = await visibleJob(operations, scope, request.jobId)
    const names = new Names(store.read)
    for await (const view of operations.watchJob(job.id, signal)) {
      yield { job: await jobToWire(view, names, store.read) }
      if (isEnded(view.job.state)) return
    }
  }
}

/** CancelJob. */
export function cancelJob({ store, operations }: OperatorDeps) {
  return async (request: CancelJobRequest, { principal, scope }: CallContext): Promise<CancelJobResponse> => {
    const { job } = await visibleJob(operations, scope, request.jobId)
    const cancelled = await operations.cancelJob(principal, {
      jobId: job.id,
      requestId: request.requestId,
      reason: request.reason,
    })
    return { job: await jobToWire({ job: cancelled }, new Names(store.read), store.read) }
  }
}

async function visibleJob(
  operations: OperatorDeps['operations'],
  scope: AccessScope,
  text: string,
): Promise<JobView> {
  const jobId: JobId = requireId('job', 'job_id', text)
  const view = await operations.jobView(jobId)
  if (!sees(scope, view.job)) throw new AppError('not-found', { message: `there is no job \`${jobId}\`` })
  return view
}

function sees(scope: AccessScope, job: Job): boolean {
  return covers(scope, job.subject.scope === 'destination' ? undefined : job.subject.clusterId)
}
