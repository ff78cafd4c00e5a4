import { AppError } from '../../shared/errors/index.ts'
import type { JobId } from '../../shared/model/identifiers.ts'
import { isEnded } from '../jobs/index.ts'
import type { ReadModel } from '../store/port.ts'
import type { JobView, JobViews } from './job-views.ts'

/** A job as it is now. @throws AppError `not-found` */
export async function jobView(jobId: JobId, read: ReadModel, views: JobViews | undefined): Promise<JobView> {
  const job = await read.job(jobId)
  if (job === undefined) throw new AppError('not-found', { message: `there is no job \`${jobId}\`` })
  return { job, progress: views?.progressOf(jobId) }
}

/**
 * A job now, then at every change and progress until it ended or the signal aborts. Slow readers miss
 * intermediate progress, never the end.
 */
export async function* watchJob(
  jobId: JobId,
  read: ReadModel,
  views: JobViews,
  signal: AbortSignal,
  termEnd: AbortSignal,
): AsyncIterable<JobView> {
  let wake: () => void = () => {}
  let changed = true
  const note = () => {
    changed = true
    wake()
  }
  const unlisten = views.listen(jobId, note)
  const stop = AbortSignal.any([signal, termEnd])
  stop.addEventListener('abort', note, { once: true })
  try {
    while (!stop.aborted) {
      if (!changed)
        await new Promise<void>(resolve => {
          wake = resolve
        })
      changed = false
      if (stop.aborted) break
      const view = await jobView(jobId, read, views)
      yield view
      if (isEnded(view.job.state)) return
    }
    // whoever leads next knows how it goes on
    if (!signal.aborted) throw new AppError('leader.deposed')
  } finally {
    unlisten()
    stop.removeEventListener('abort', note)
  }
}
