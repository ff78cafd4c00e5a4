import { systemClock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { createLogger, type Log } from '../../shared/log/index.ts'
import type { AttemptRef } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { PeakMemory } from '../host/peak-memory.ts'
import { attemptWorld } from '../jobs/attempt-log.ts'
import { conduct } from '../jobs/conduct.ts'
import { forecast, type Reading, readingOf, remembered, workOf } from '../jobs/forecast.ts'
import type { Recipe } from '../jobs/recipe.ts'
import type { AttemptResult } from '../jobs/result.ts'
import type { AttemptProgress, Surroundings } from '../jobs/surroundings.ts'
import type { CommonOptions } from './options.ts'
import { ProgressPainter, progressLine } from './progress-line.ts'
import type { Terminal } from './terminal.ts'

/** Without a terminal progress is a log line this often, ms. */
const logEvery = 10_000

/** The log of a standalone command: quiet beside a progress line, JSON lines elsewhere. */
export function standaloneLog(options: Pick<CommonOptions, 'logLevel'>, terminal: Terminal): Log {
  return createLogger({
    name: 'holdfast-agent',
    level: options.logLevel ?? (terminal.interactive ? 'warn' : 'info'),
    format: terminal.interactive ? 'pretty' : 'json',
    destination: { write: line => terminal.err(line) },
  })
}

/**
 * Runs a recipe to its result, without a coordinator: grants itself what a coordinator would be asked, shows
 * how far it is, obeys SIGINT and SIGTERM. Undefined when a second signal cut it short: the journal holds the rest.
 */
export async function perform(job: {
  readonly recipe: Recipe
  readonly attempt: AttemptRef
  readonly startedAt: number
  readonly world: Surroundings
  readonly terminal: Terminal
}): Promise<AttemptResult | undefined> {
  const { recipe, terminal } = job
  const world = attemptWorld(job.world, job.attempt)
  const work = new AbortController()
  const leave = new AbortController()
  let committing = false
  const onStop = () => {
    if (!committing) work.abort(new AppError('interrupted'))
  }
  const onAbort = () => leave.abort(new AppError('interrupted'))
  if (terminal.stop.aborted) onStop()
  terminal.stop.addEventListener('abort', onStop, { once: true })
  terminal.abort.addEventListener('abort', onAbort, { once: true })

  const show = progressShown(recipe.subject, world, terminal)
  const memory = new PeakMemory()
  let latest: AttemptProgress = { stage: 'starting', rawBytes: 0, storedBytes: 0, predictedRawBytes: 0 }
  try {
    await recipe.preflight()
    return await conduct({
      ...job,
      world,
      // no keeper comes after us: what cannot be cleaned up now is for the next command
      uncleaned: 'leave',
      voice: {
        signal: work.signal,
        leaving: leave.signal,
        progress: progress => {
          latest = progress
          memory.sample()
          show.progress(progress)
        },
        touching: () => {},
        uploadOpened: () => {},
        uploadClosed: () => {},
        memory: () => memory.peaks,
        children: records => memory.watch(records.map(({ pid }) => pid)),
        grant: async () => work.signal.throwIfAborted(),
        committing: () => {
          committing = true
        },
      },
      counted: () => ({
        rawBytes: latest.rawBytes,
        storedBytes: latest.storedBytes,
        peakRssBytes: memory.bytes,
        observed: {
          retries: latest.retries ?? 0,
          agent_peak_rss_bytes: memory.peaks.agent,
          children_peak_rss_bytes: memory.peaks.children,
        },
      }),
    })
  } finally {
    show.end()
    terminal.stop.removeEventListener('abort', onStop)
    terminal.abort.removeEventListener('abort', onAbort)
  }
}

function progressShown(
  subject: string,
  world: Surroundings,
  terminal: Terminal,
): { progress(progress: AttemptProgress): void; end(): void } {
  const began = systemClock.now().mono
  const painter = new ProgressPainter({
    write: terminal.err,
    columns: terminal.columns,
    now: () => systemClock.now().mono,
  })
  let loggedAt = began
  let readings: readonly Reading[] = []
  return {
    progress: progress => {
      const now = systemClock.now().mono
      readings = remembered(readings, readingOf(progress, now))
      const rest = forecast(readings, workOf(progress).of)
      if (terminal.interactive) painter.paint(progressLine(subject, progress, rest))
      else if (now - loggedAt >= logEvery) {
        loggedAt = now
        world.log.info('progress', {
          subject,
          stage: progress.stage,
          raw_bytes: progress.rawBytes,
          stored_bytes: progress.storedBytes,
          predicted_raw_bytes: progress.predictedRawBytes,
          bytes_per_second: rest.bytesPerSecond,
          remaining_ms: rest.remainingMs,
        })
      }
    },
    end: () => painter.clear(),
  }
}
